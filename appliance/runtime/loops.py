"""How the worker's loops are doing, for the health page: a loop that hangs or fails is seen, not guessed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, rows, script

NOTE_EVERY_MS = 60_000

migrations = Migrations("loops")


@migrations()
def m001_loops(db: Database) -> None:
    script(
        db,
        "CREATE TABLE loops (name TEXT PRIMARY KEY, seen_ms INTEGER NOT NULL, error TEXT NOT NULL DEFAULT '')",
    )


@dataclass(frozen=True)
class LoopState:
    """seen_ms: a turn ended at about this time (noted once a minute). error: of that turn, else ""."""

    name: str
    seen_ms: int
    error: str


def note(db: Db, name: str, error: str, last: LoopState | None) -> LoopState:
    """Note the end of a turn, unless the last note says the same and is younger than a minute."""
    now = db.clock.now_ms()
    if last and last.error == error and now - last.seen_ms < NOTE_EVERY_MS:
        return last
    execute(
        db,
        "INSERT INTO loops VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET seen_ms = excluded.seen_ms,"
        " error = excluded.error",
        (name, now, error),
    )
    return LoopState(name, now, error)


def states(db: Db) -> list[LoopState]:
    return [LoopState(**item) for item in rows(db, "SELECT * FROM loops ORDER BY name")]
