"""Starting web, stream and worker again when other plugins are to run: each ends itself, and its manager starts it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from appliance.paths import Paths

LOOK_S = 1.0


def ask(paths: Paths) -> None:
    """Everything that loads third-party plugins starts again within seconds. Not blocking."""
    paths.renew.touch()


def stamp(paths: Paths) -> int:
    """When it was asked for last; take it before plugins are loaded."""
    return _changed(paths.renew)


def follow(paths: Paths, seen: int, end: Callable[[], None]) -> None:
    """Calls `end` once, from a daemon thread, when it was asked for after the stamp `seen`."""

    def look() -> None:
        while _changed(paths.renew) == seen:
            time.sleep(LOOK_S)
        end()

    threading.Thread(target=look, name="renew", daemon=True).start()


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
