"""Answers what web asks about users' files. The work itself happens in the team's user namespace (files.py)."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from appliance import identity
from appliance.boot import Appliance
from appliance.db import write
from appliance.errors import ApplianceError, Invalid, NotFound, TryAgain, Unavailable
from appliance.ids import is_id, new_id
from appliance.runtime import logwork, room, tasks
from appliance.runtime.files import TeamFiles
from appliance.runtime.places import Places
from appliance.runtime.tasks import Task

log = logging.getLogger(__name__)

THREADS = 4
SPOOL_KEEP_S = 600
REPEATED = (
    "files.remove_area",
    "logs.remove",
)  # nobody waits for them, so they must succeed one day
AREAS = ("notebooks", "envs")
PATH_BYTES = 4096


class FileWork:
    """turn() hands open requests to a few threads; each request runs in one of them at a time."""

    def __init__(self, appliance: Appliance, places: Places) -> None:
        self._appliance = appliance
        self._places = places
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="files")
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._kinds: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "files.list": self._list,
            "files.read": self._read,
            "files.remove_area": self._remove_area,
            "logs.remove": self._remove_logs,
        }

    def turn(self) -> None:
        """Start what waits; sweep the spool."""
        for task in tasks.waiting(self._appliance.local.get()):
            with self._lock:
                if task.id in self._busy:
                    continue
                self._busy.add(task.id)
            self._pool.submit(self._run, task)
        self._sweep_spool()

    def _run(self, task: Task) -> None:
        result, error = None, ""
        try:
            result = self._kinds[task.kind](task.args)
        except TryAgain:
            error = "again"
        except Unavailable as failure:
            log.warning("%s: %s", task.kind, failure)
            error = "again" if task.kind in REPEATED else f"Unavailable: {failure}"
        except ApplianceError as failure:
            error = f"{type(failure).__name__}: {failure}"
        # arguments come from an unprivileged process: whatever they break, say so
        except Exception as failure:
            log.exception("%s failed", task.kind)
            error = f"Unavailable: {type(failure).__name__}"
        try:
            if error != "again":
                db = self._appliance.local.get()
                with write(db):
                    tasks.finish(db, task.id, result, error)
        finally:
            with self._lock:
                self._busy.discard(task.id)

    def _root(self, args: dict[str, Any]) -> tuple[Path, TeamFiles]:
        """The directory, checked to be one of the team's."""
        if args["area"] not in AREAS or not is_id(args["name"]):
            raise Invalid("no such area")
        config = self._appliance.config
        team = identity.team_by_id(self._appliance.local.get(), args["team_id"])
        root, uid = config.paths.area(args["area"]) / args["name"], config.team_uid(team.slot)
        if not root.exists():
            raise NotFound("there are no files yet", hint="start the notebook once")
        if root.is_symlink() or root.stat().st_uid != uid:
            raise NotFound("there are no such files in this team")
        return root, TeamFiles(root, uid, timeout_s=120)

    def _list(self, args: dict[str, Any]) -> dict[str, Any]:
        _, files = self._root(args)
        listing = files.list_dir(_path(args))
        entries = [
            {"name": e.name, "type": e.type, "size_bytes": e.size, "modified_ms": e.mtime_ms}
            for e in sorted(listing.entries, key=lambda e: (e.type != "dir", e.name))
        ]
        return {"entries": entries, "truncated": listing.cut}

    def _read(self, args: dict[str, Any]) -> dict[str, Any]:
        _, files = self._root(args)
        size_bytes = files.stat(_path(args)).size
        if size_bytes > int(args["limit_bytes"]):
            raise _too_large()  # known before the first GiB is copied
        spool = self._appliance.config.paths.spool
        room.require(self._appliance.config.paths, self._appliance.local.get(), size_bytes)
        name = new_id("spool")
        descriptor = os.open(spool / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
        try:
            os.fchown(descriptor, 0, self._appliance.config.proxy_uid)
            copied = files.read(_path(args), descriptor, int(args["limit_bytes"]))
            if copied.cut:
                raise _too_large()
        except ApplianceError:
            (spool / name).unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return {"spool": name, "size_bytes": copied.size}

    def _remove_area(self, args: dict[str, Any]) -> dict[str, Any]:
        try:
            root, files = self._root(args)
        except NotFound:
            return {}
        files.remove_tree()  # TryAgain when there was too much for one turn
        root.rmdir()
        return {}

    def _remove_logs(self, args: dict[str, Any]) -> dict[str, Any]:
        logwork.remove(self._places, args["workload_id"])
        return {}

    def _sweep_spool(self) -> None:
        oldest = time.time() - SPOOL_KEEP_S
        for path in self._appliance.config.paths.spool.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def _too_large() -> Invalid:
    return Invalid("this file is too large to download here", hint="open it in JupyterLab")


def _path(args: dict[str, Any]) -> str:
    path = str(args["path"])
    if len(os.fsencode(path)) > PATH_BYTES or "\0" in path:
        raise Invalid("this path is too long or malformed")
    return path
