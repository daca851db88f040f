"""Answers what web asks about users' files. The work itself happens in the team's user namespace (files.py)."""

from __future__ import annotations

import logging
import os
import shutil
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
from appliance.runtime import copywork, logwork, rendering, room, tasks, uploads
from appliance.runtime.files import Copied, TeamFiles
from appliance.runtime.places import Places
from appliance.runtime.tasks import Task

log = logging.getLogger(__name__)

THREADS = 4
COPIERS = 2  # a copy may take minutes; other work on files must not wait for it
RENDERERS = 2  # the two can take most of a minute; other work on files must not wait for them
SPOOL_KEEP_S = 600
REPEATED = (
    "files.remove_area",
    "logs.remove",
)  # nobody waits for them, so they must succeed one day
AREAS = ("notebooks", "envs", "versions")
PATH_BYTES = 4096


class FileWork:
    """turn() hands open requests to a few threads; each request runs in one of them at a time."""

    def __init__(self, appliance: Appliance, places: Places) -> None:
        self._appliance = appliance
        self._places = places
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="files")
        self._copiers = ThreadPoolExecutor(COPIERS, thread_name_prefix="copy")
        self._renderers = ThreadPoolExecutor(RENDERERS, thread_name_prefix="render")
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._kinds: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "files.list": self._list,
            "files.read": self._read,
            copywork.KIND: lambda args: copywork.run(appliance, args),
            "files.archive": self._archive,
            "files.write": self._write,
            "files.rename": self._rename,
            "files.make_dir": self._make_dir,
            "files.remove": self._remove,
            "files.view": self._view,
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
            pool = {copywork.KIND: self._copiers, "files.view": self._renderers}.get(
                task.kind, self._pool
            )
            pool.submit(self._run, task)
        self._sweep_spool()
        rendering.sweep(self._appliance.config)
        uploads.sweep(self._appliance.config)

    def close(self) -> None:
        """Wait for what is being done."""
        self._pool.shutdown()
        self._copiers.shutdown()
        self._renderers.shutdown()

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
                    if task.kind == copywork.KIND:
                        copywork.tell(db, task.args, result, error)
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
        return self._spooled(files.read, args, size_bytes)

    def _require_room(self, needed_bytes: int = 0) -> None:
        room.require(self._appliance.config.paths, self._appliance.local.get(), needed_bytes)

    def _archive(self, args: dict[str, Any]) -> dict[str, Any]:
        _, files = self._root(args)
        return self._spooled(files.archive, args, 0)

    def _spooled(
        self, copy: Callable[[str, int, int], Copied], args: dict[str, Any], size_bytes: int
    ) -> dict[str, Any]:
        """A copy for nginx, of size_bytes or of anything up to the limit."""
        spool = self._appliance.config.paths.spool
        self._require_room(size_bytes)
        limit_bytes = min(int(args["limit_bytes"]), shutil.disk_usage(spool).free)
        name = new_id("spool")
        descriptor = os.open(spool / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
        try:
            os.fchown(descriptor, 0, self._appliance.config.proxy_uid)
            copied = copy(_path(args), descriptor, limit_bytes)
            if copied.cut:
                raise _too_large()
        except ApplianceError:
            (spool / name).unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return {"spool": name, "size_bytes": copied.size}

    def _view(self, args: dict[str, Any]) -> dict[str, Any]:
        _, files = self._root(args)
        self._require_room()
        name, path = args["name"], _path(args)
        return {"file": rendering.view(self._appliance.config, files, name, path)}

    def _write(self, args: dict[str, Any]) -> dict[str, Any]:
        _, files = self._root(args)
        config, path = self._appliance.config, _path(args)
        with uploads.opened(config, str(args["upload"])) as (descriptor, size_bytes):
            self._require_room(size_bytes)
            files.write(path, descriptor, size_bytes, bool(args["replace"]))
        uploads.forget(config, str(args["upload"]))
        return {}

    def _rename(self, args: dict[str, Any]) -> dict[str, Any]:
        _, files = self._root(args)
        files.rename(_path(args), _path({"path": args["to"]}))
        return {}

    def _make_dir(self, args: dict[str, Any]) -> dict[str, Any]:
        _, files = self._root(args)
        files.make_dir(_path(args), new=True)
        return {}

    def _remove(self, args: dict[str, Any]) -> dict[str, Any]:
        _, files = self._root(args)
        if not _path(args).strip("/."):
            raise Invalid("the top folder can't be deleted", hint="delete the notebook")
        files.remove_tree(_path(args))
        return {}

    def _remove_area(self, args: dict[str, Any]) -> dict[str, Any]:
        try:
            root, files = self._root(args)
        except NotFound:
            return {}
        files.remove_tree()  # TryAgain when there was too much for one turn
        root.rmdir()
        rendering.forget(self._appliance.config, args["name"])
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
