"""Copies of users' files, also from one team to another: each side is touched inside its own user namespace only."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pathspec

from appliance.errors import ApplianceError
from appliance.runtime.files import TeamFiles
from appliance.runtime.places import ensure_team_dir
from appliance.runtime.userns import run_in_userns

_CHILD = "appliance.runtime._copy_child"
_LIBRARIES = (Path(pathspec.__file__).parent.parent,)
_MEMORY_BYTES = 2 << 30


@dataclass(frozen=True)
class Bounds:
    """How much may be copied, and how long that may take."""

    most_bytes: int
    most_files: int = 200_000
    timeout_s: int = 1800


@dataclass(frozen=True)
class Copied:
    """How much it was."""

    files: int
    size_bytes: int


def copy(source: TeamFiles, target: Path, uid: int, limits: Bounds, rules: bool = True) -> Copied:
    """Fill a directory that does not exist yet, for the team whose ids begin at uid. Blocks; repeatable.

    rules: only what belongs to a notebook's offline copy (`.notebookinclude`), else everything. It is there as a whole or
    not at all. Invalid for too much, Conflict for what changed meanwhile, Unavailable after the time.
    """
    part = target.with_name(
        f".{target.name}.part"
    )  # no id begins with a dot: nobody else can mean it
    remove(part)
    ensure_team_dir(part, uid)
    try:
        copied = _pipe(source, part, uid, limits, rules)
    except ApplianceError:
        remove(part)
        raise
    os.rename(part, target)
    return copied


def remove(directory: Path) -> None:
    """Delete a team's directory with all that is in it; nothing happens without one. TryAgain when it takes long."""
    try:
        uid = directory.lstat().st_uid
    except FileNotFoundError:
        return
    if uid:  # root's own: made a moment ago, still empty
        TeamFiles(directory, uid, timeout_s=120).remove_tree()
    directory.rmdir()


def _pipe(source: TeamFiles, part: Path, uid: int, limits: Bounds, rules: bool) -> Copied:
    reading, writing = os.pipe()
    asked: dict[str, Any] = {
        "path": "",
        "rules": rules,
        "most_bytes": limits.most_bytes,
        "most_files": limits.most_files,
        "file_bytes": limits.most_bytes,
        "memory_bytes": _MEMORY_BYTES,
    }

    def work(op: str, root: Path, first_id: int, end: int) -> dict[str, Any]:
        try:
            return run_in_userns(
                first_id, root, {**asked, "op": op}, spool=end, timeout_s=limits.timeout_s,
                child=_CHILD, libraries=_LIBRARIES,
            )  # fmt: skip
        finally:
            os.close(end)  # the other side ends, too

    with ThreadPoolExecutor(2) as pool:
        packed = pool.submit(work, "pack", source.root, source.uid_start, writing)
        unpacked = pool.submit(work, "unpack", part, uid, reading)
    packed.result()  # its failure is the reason for the other's
    answer = unpacked.result()
    return Copied(answer["files"], answer["size"])
