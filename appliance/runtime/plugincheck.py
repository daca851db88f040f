"""Trying third-party plugins that are new or changed, each in a process of its own, with web's rights and a time limit."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from typing import Any

from appliance.config import Config
from appliance.context import Context
from appliance.db import Db, write
from appliance.plugins import sources, verdicts
from appliance.plugins.sources import Source
from appliance.plugins.verdicts import Verdict
from appliance.runtime import renew

log = logging.getLogger(__name__)

LIMIT_S = 60.0


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
        source.name, source.origin, source.version or found.get("version", ""), found.get("title", ""),
        source.fingerprint, found["reason"], found.get("notes", ""),
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
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/",
        errors="replace", env=_environment(), start_new_session=True, **_rights(config),
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        _kill(process)
        output, _ = process.communicate()
        log.warning("plugin %s:\n%s", source.name, output)
        return {
            "reason": f"it did not start within {limit_s:.0f} s; the worker's log says where it was"
        }
    _kill(process)  # whatever it left running
    lines = output.strip().splitlines() or [""]
    try:
        found: dict[str, Any] = json.loads(lines[-1])
        output = "\n".join(lines[:-1])
    except ValueError:
        found = {
            "reason": f"its first start ended with exit code {process.returncode}: {lines[-1]}"
        }
    if output.strip():
        log.info("plugin %s:\n%s", source.name, output)
    return found


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
