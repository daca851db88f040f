"""Running web and stream under gunicorn, each on a unix socket that only nginx enters."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from appliance.paths import Paths
from appliance.runtime import renew


class Server(BaseApplication):
    """gunicorn without its command line."""

    def __init__(self, application: Callable[[], Any], options: dict[str, Any]) -> None:
        self._application, self._options = application, options
        super().__init__()

    def load_config(self) -> None:
        for key, value in self._options.items():
            self.cfg.set(key, value)

    def load(self) -> Any:
        return self._application()


def ends_when_renewed(paths: Paths) -> dict[str, Any]:
    """An option with which gunicorn ends when other plugins are to run. Call it before they are loaded."""
    seen = renew.stamp(paths)
    end = lambda: os.kill(os.getppid(), signal.SIGTERM)  # noqa: E731 (gunicorn's own process)
    return {"post_worker_init": lambda worker: renew.follow(paths, seen, end)}


def options(socket: Path, pid_dir: Path, **more: Any) -> dict[str, Any]:
    """What both have in common. The socket's directory keeps others out, so its own mode is open (umask 0)."""
    return {
        "bind": f"unix:{socket}",
        "umask": 0,
        "preload_app": True,  # workers share the memory of what was imported before the fork
        "pre_fork": lambda server, worker: gc.freeze(),  # a collection would write to all of it
        "worker_tmp_dir": str(pid_dir),
        "control_socket_disable": True,
        "accesslog": None,
        "loglevel": "warning",
        "graceful_timeout": 5,
        "keepalive": 75,  # longer than nginx keeps idle connections, or a POST may meet a closed one
        **more,
    }
