"""Containers that the runtime still holds and the engine forgot, killed in an unlucky moment: their monitors tell of them.

Such a one has its monitor (conmon) and a first process that waits for ever to become the program; the program never runs.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from appliance.boot import Appliance
from appliance.config import Config
from appliance.errors import Unavailable
from appliance.runtime import workloads
from appliance.runtime.backend import Backend

_TIMEOUT_S = 30


@dataclass(frozen=True)
class Monitor:
    """What a conmon watches over. name: the container's. runtime: the program that made it."""

    container: str
    name: str
    runtime: str


class StraySweep:
    """turn() removes what has neither a live row nor a container that the engine knows."""

    def __init__(self, appliance: Appliance, backend: Backend) -> None:
        self._appliance, self._backend = appliance, backend

    def turn(self) -> None:
        """One look through /proc. A monitor whose row ended before it can't be of a start that goes on."""
        found = monitors(self._appliance.config)
        live = {workload.id for workload in workloads.live(self._appliance.local.get())}
        for monitor in found:
            ended = monitor.name.rpartition("-")[2] not in live
            if ended and self._backend.inspect(monitor.name) is None:
                remove(monitor)


def monitors(config: Config) -> list[Monitor]:
    """All of this instance."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            argv = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            root = process.stat().st_uid == 0  # whatever runs in a container may call itself conmon
        except (FileNotFoundError, ProcessLookupError):
            continue
        if root and argv[0].rpartition("/")[2] == "conmon":
            options = dict(zip(argv, argv[1:]))
            monitor = Monitor(options.get("-c", ""), options.get("-n", ""), options.get("-r", ""))
            if monitor.name.startswith(f"appliance-{config.instance}-") and monitor.runtime:
                found.append(monitor)
    return found


def remove(monitor: Monitor) -> None:
    """Have the runtime kill and forget the container; its monitor ends with it. Gone already is fine."""
    argv = [monitor.runtime, "delete", "--force", monitor.container]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{monitor.runtime} can't be run: {error}") from error
    if done.returncode != 0:
        raise Unavailable(f"{monitor.runtime} delete failed: {done.stderr.strip()[:200]}")
