"""The task `files.copy`: a notebook's files, for a fork or as a version, and the event that says how it went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from appliance import identity
from appliance.boot import Appliance
from appliance.config import Config
from appliance.db import Db
from appliance.errors import Conflict, Invalid, NotFound
from appliance.events import emit
from appliance.ids import is_id
from appliance.runtime import copies
from appliance.runtime.copies import Bounds
from appliance.runtime.files import TeamFiles

KIND = "files.copy"
AREAS = ("notebooks", "versions")
_TRIES = 3


def run(appliance: Appliance, args: dict[str, Any]) -> dict[str, Any]:
    """Copy an area of one team to a new one of another. Blocks; repeatable: what is there already was copied.

    args: team_id, area, name (of the new one), from_team, from_area, from_name, most_mib, rules. A source that does not
    exist has no files to copy, and nothing is made.
    """
    config, db = appliance.config, appliance.local.get()
    target, uid = _place(config, db, args["team_id"], args["area"], args["name"])
    source, first_id = _place(config, db, args["from_team"], args["from_area"], args["from_name"])
    if target.exists() or not source.exists():
        return {"files": 0, "size_bytes": 0}
    if source.is_symlink() or source.stat().st_uid != first_id:
        raise NotFound("there are no such files in this team")
    limits = Bounds(int(args["most_mib"]) << 20)
    for attempt in range(_TRIES):
        try:
            done = copies.copy(
                TeamFiles(source, first_id), target, uid, limits, bool(args["rules"])
            )
            return {"files": done.files, "size_bytes": done.size_bytes}
        except Conflict:  # something was being written: most likely not any more
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _place(config: Config, db: Db, team_id: str, area: str, name: str) -> tuple[Path, int]:
    if area not in AREAS or not is_id(name):
        raise Invalid("no such area")
    team = identity.team_by_id(db, team_id)
    return config.paths.area(area) / name, config.team_uid(team.slot)


def tell(db: Db, args: dict[str, Any], result: dict[str, Any] | None, error: str) -> None:
    """Record how a copy went, for whoever asked for it. Inside `write`."""
    if error:
        message = error.partition(": ")[2]
        emit(
            db, "files.not_copied", subject=args["name"], team_id=args["team_id"], area=args["area"],
            message=message,
        )  # fmt: skip
    else:
        done = result or {}
        emit(
            db, "files.copied", subject=args["name"], team_id=args["team_id"], area=args["area"],
            files=done["files"], size_bytes=done["size_bytes"],
        )  # fmt: skip
