"""Users' files, looked at and changed only from inside their team's user namespace.

Paths are relative to one root directory and can't lead out of it. A link on the way is followed as
long as it stays inside; a link at the end is not. Names are text as Python's file functions give
it: bytes that are no UTF-8 come as lone surrogates. Every call blocks: about 25 ms for the process,
plus the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from appliance.runtime.userns import run_in_userns

MAX_ENTRIES = 10_000
MAX_ARCHIVED = 100_000

EntryType = Literal["file", "dir", "link", "other"]


@dataclass(frozen=True)
class Entry:
    """A name in a directory. target: where a link points, as written in it. size: in bytes."""

    name: str
    type: EntryType
    size: int
    mtime_ms: int
    target: str = ""


@dataclass(frozen=True)
class Listing:
    """cut: there are more entries than these."""

    entries: tuple[Entry, ...]
    cut: bool


@dataclass(frozen=True)
class Copied:
    """size: bytes that were copied. cut: the file goes on after them."""

    size: int
    cut: bool
    mtime_ms: int


@dataclass(frozen=True)
class TeamFiles:
    """Files below root, as seen by the team whose ids begin at uid_start.

    Raises NotFound, Invalid (leads out, not a regular file), Forbidden (somebody else's),
    Unavailable (timeout_s).
    """

    root: Path
    uid_start: int
    timeout_s: float = 30

    def list_dir(self, path: str = "") -> Listing:
        """The entries in the order of the disk, at most 10,000 of them."""
        answer = self._ask("list", path, limit=MAX_ENTRIES)
        return Listing(tuple(Entry(**entry) for entry in answer["entries"]), answer["cut"])

    def stat(self, path: str) -> Entry:
        """The entry itself, not what a link leads to."""
        return Entry(**self._ask("stat", path))

    def read(self, path: str, spool: int, limit_bytes: int) -> Copied:
        """Copy a regular file to a descriptor of the caller's, open for writing."""
        answer = self._ask("read", path, spool=spool, limit=limit_bytes, file_bytes=limit_bytes)
        return Copied(answer["copied"], answer["cut"], answer["mtime_ms"])

    def archive(self, path: str, spool: int, limit_bytes: int) -> Copied:
        """A directory as a zip, written to a descriptor of the caller's; Invalid when it is too large."""
        answer = self._ask("archive", path, spool=spool, limit=limit_bytes, entries=MAX_ARCHIVED)
        return Copied(answer["copied"], answer["cut"], answer["mtime_ms"])

    def write(self, path: str, source: int, size: int, replace: bool = False) -> None:
        """A file of the team's with the content of a descriptor, size bytes at most; Conflict if the name is taken."""
        self._ask("write", path, spool=source, limit=size, replace=replace)

    def rename(self, path: str, to: str) -> None:
        """Give it another path; Conflict if that is taken."""
        self._ask("rename", path, to=to)

    def make_dir(self, path: str, mode: int = 0o755, new: bool = False) -> None:
        """One directory, owned by the team; there already is fine unless `new`. Conflict with anything else."""
        self._ask("make_dir", path, mode=mode, new=new)

    def remove_tree(self, path: str = "", limit_s: float = 20) -> None:
        """Delete it with all that is in it, never through a link; "" empties root and leaves it.

        TryAgain when limit_s were not enough: what is gone is gone, the next call goes on.
        """
        self._ask("remove_tree", path, limit_s=min(limit_s, self.timeout_s))

    def _ask(self, op: str, path: str, spool: int | None = None, **more: Any) -> dict[str, Any]:
        request = {"op": op, "path": path, **more}
        return run_in_userns(
            self.uid_start, self.root, request, spool=spool, timeout_s=self.timeout_s
        )
