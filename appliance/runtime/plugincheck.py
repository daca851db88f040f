"""Trying third-party plugins that are new or changed, each in a process of its own, with web's rights and a time limit."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from typing import Any

from appliance.config import Config
from appliance.context import Context
from appliance.db import Db, write
from appliance.plugins import loader, sources, verdicts
from appliance.plugins.sources import Source
from appliance.plugins.verdicts import Verdict
from appliance.runtime import renew

log = logging.getLogger(__name__)

LIMIT_S = 60.0
OUTPUT_BYTES = 1 << 20


def turn(ctx: Context) -> None:
    """A loop's turn: what is new is tried, and taken into use by starting the processes again."""
    if check(ctx.db, ctx.config):
        renew.ask(ctx.config.paths)


def check(db: Db, config: Config, limit_s: float = LIMIT_S) -> bool:
    """Try what is new or changed, forget what is gone. Whether other plugins are to run than before.

    Blocks for up to limit_s per plugin.
    """
    found = {source.name: source for source in sources.find(config.paths.plugins)}
    known = verdicts.every(db)
    gone = known.keys() - found.keys()
    news = [one for one in found.values() if _is_new(one, known)]
    if not gone and not news:
        return False
    with write(db):
        for name in gone:
            verdicts.remove(db, name)
        verdicts.forget_failed(db)  # what was missing may have come with what is new
    known = verdicts.every(db)
    waiting = [one for one in found.values() if _is_new(one, known)]
    while waiting:
        again = [source for source in waiting if _try(db, config, source, limit_s)]
        if len(again) == len(waiting):  # nothing came that they could require
            break
        waiting = again
    return True


def _is_new(source: Source, known: dict[str, Verdict]) -> bool:
    verdict = known.get(source.name)
    return verdict is None or (not verdict.off and verdict.fingerprint != source.fingerprint)


def _try(db: Db, config: Config, source: Source, limit_s: float) -> bool:
    """Note the verdict; True if it lacks another plugin and may be tried again."""
    found = {"reason": source.problem} if source.problem else _rehearsed(config, source, limit_s)
    verdict = Verdict(
        source.name, source.origin, source.version or _text(found, "version"), _text(found, "title"),
        source.fingerprint, _text(found, "reason"), _text(found, "notes"),
    )  # fmt: skip
    log.info("plugin %s: %s", source.name, verdict.reason or "fits")
    with write(db):
        verdicts.note(db, verdict)
    return bool(found.get("retry"))


def _rehearsed(config: Config, source: Source, limit_s: float) -> dict[str, Any]:
    argv = [
        sys.executable,
        "-m",
        "appliance.rehearsal",
        str(config.data),
        source.name,
        str(limit_s),
    ]
    # a file, not a pipe: what it leaves running would keep that open, and us waiting
    with tempfile.TemporaryFile() as file:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, cwd="/",
            env=_environment(), start_new_session=True, **_rights(config),
        )  # fmt: skip
        try:
            process.wait(limit_s)
            late = False
        except subprocess.TimeoutExpired:
            late = True
        _kill(process)  # and what it left running
        process.wait()
        file.seek(max(file.seek(0, os.SEEK_END) - OUTPUT_BYTES, 0))
        output = file.read().decode(errors="replace").strip()
    others, _, last = output.rpartition("\n")
    found = None if late else _read(last)
    log.info("plugin %s:\n%s", source.name, others if found else output)
    if late:
        return {
            "reason": f"it did not start within {limit_s:.0f} s; the worker's log says where it was"
        }
    return found or {"reason": f"its first start ended with exit code {process.returncode}: {last}"}


def _read(line: str) -> dict[str, Any] | None:
    """The verdict of a rehearsal; None for anything else: a plugin may end the process, with any last words."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "reason" in found else None


def _text(found: dict[str, Any], name: str) -> str:
    """Something of a verdict as a text that the database takes."""
    return loader.storable(str(found.get(name, "")))


def _environment() -> dict[str, str]:
    """Python's own paths are those of this process, so that both find the same packages."""
    paths = [path for path in sys.path if path]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _rights(config: Config) -> dict[str, Any]:
    """Never as root: at the start of the appliance it is root who calls."""
    if os.geteuid() != 0:
        return {}
    return {"user": config.web_uid, "group": config.web_uid, "extra_groups": []}


def _kill(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
