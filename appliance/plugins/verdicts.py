"""What is known of third-party plugins: whether each fits, why not, and whether the admin wants it.

A plugin is tried once, in a process of its own; every other process reads the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound
from appliance.plugins.sources import Source

migrations = Migrations("plugins")


@migrations()
def m001_plugins(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE plugins (
            name TEXT PRIMARY KEY, origin TEXT NOT NULL, version TEXT NOT NULL, title TEXT NOT NULL,
            fingerprint TEXT NOT NULL, reason TEXT NOT NULL, notes TEXT NOT NULL, checked_ms INTEGER NOT NULL,
            off INTEGER NOT NULL DEFAULT 0)
        """,
    )


@dataclass(frozen=True)
class Verdict:
    """reason: why it can't be used, "" = it fits. notes: what of it is left out and why. fingerprint: "" = not tried yet."""

    name: str
    origin: str
    version: str = ""
    title: str = ""
    fingerprint: str = ""
    reason: str = ""
    notes: str = ""
    checked_ms: int = 0
    off: bool = False

    @property
    def state(self) -> str:
        if self.off:
            return "off"
        if not self.fingerprint:
            return "unchecked"
        return "failed" if self.reason else "on"


def every(db: Db) -> dict[str, Verdict]:
    """By name."""
    found = rows(db, "SELECT * FROM plugins ORDER BY name")
    return {item["name"]: _verdict(item) for item in found}


def get(db: Db, name: str) -> Verdict:
    found = row(db, "SELECT * FROM plugins WHERE name = ?", (name,))
    if found is None:
        raise NotFound(f"no plugin {name} was installed", hint="builtin plugins are always on")
    return _verdict(found)


def _verdict(found: dict[str, Any]) -> Verdict:
    return Verdict(**{**found, "off": bool(found["off"])})


def usable(db: Db, sources: Iterable[Source]) -> list[Source]:
    """Those that were tried as they are now, fit, and are not switched off."""
    known = every(db)
    return [
        source
        for source in sources
        if source.name in known
        and known[source.name].state == "on"
        and known[source.name].fingerprint == source.fingerprint
    ]


def note(db: Db, verdict: Verdict) -> None:
    """Keep what was found out. The admin's switch stays as it is. Call inside `write`."""
    execute(
        db,
        "INSERT INTO plugins VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (name) DO UPDATE SET"
        " origin = excluded.origin, version = excluded.version, title = excluded.title,"
        " fingerprint = excluded.fingerprint, reason = excluded.reason, notes = excluded.notes,"
        " checked_ms = excluded.checked_ms",
        (
            verdict.name, verdict.origin, verdict.version, verdict.title, verdict.fingerprint,
            verdict.reason[:2000], verdict.notes[:2000], db.clock.now_ms(),
        ),
    )  # fmt: skip


def fail(db: Db, name: str, reason: str) -> None:
    """It was tried and fitted, and failed all the same when a process loaded it."""
    execute(db, "UPDATE plugins SET reason = ? WHERE name = ?", (reason[:2000], name))


def forget(db: Db, name: str) -> None:
    """Try it again as if it were new."""
    execute(db, "UPDATE plugins SET fingerprint = '', reason = '' WHERE name = ?", (name,))


def forget_failed(db: Db) -> None:
    """What something else may have been the reason for."""
    execute(db, "UPDATE plugins SET fingerprint = '' WHERE reason != ''")


def remove(db: Db, name: str) -> None:
    execute(db, "DELETE FROM plugins WHERE name = ?", (name,))


def switch(db: Db, name: str, on: bool) -> None:
    """What the admin wants; a plugin that comes on is tried again."""
    execute(db, "UPDATE plugins SET off = ? WHERE name = ?", (int(not on), name))
    if on:
        forget(db, name)
