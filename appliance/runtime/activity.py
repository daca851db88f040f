"""When each running workload was last used and by what; the supervisor notes it, loops of plugins decide by it.

Times are whole minutes, so that a row changes once a minute at most: the last use is rounded up, never early.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script

MINUTE_MS = 60_000
UNWATCHED_MS = 3 * MINUTE_MS

migrations = Migrations("activity")


@migrations()
def m001_activity(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE activity (
            workload_id TEXT PRIMARY KEY, last_used_ms INTEGER NOT NULL, why TEXT NOT NULL, seen_ms INTEGER NOT NULL,
            offset_ms INTEGER NOT NULL, slept_ms INTEGER NOT NULL, memory_kills INTEGER NOT NULL DEFAULT 0,
            memory_killed_ms INTEGER, peak_bytes INTEGER NOT NULL DEFAULT 0);
        """,
    )


@dataclass(frozen=True)
class Activity:
    """What is known of one workload. why: what used it last, such as "a busy kernel". seen_ms: when somebody last looked.

    offset_ms: how far the clock was ahead of the time that the machine was awake, at the first look. slept_ms: by how much
    that grew since, as the machine slept or its clock was set. memory_kills: processes killed at its memory limit, the last
    at memory_killed_ms, when it had used peak_bytes at most (0 = unknown).
    """

    workload_id: str
    last_used_ms: int
    why: str
    seen_ms: int
    offset_ms: int
    slept_ms: int = 0
    memory_kills: int = 0
    memory_killed_ms: int | None = None
    peak_bytes: int = 0

    def watched(self, now_ms: int) -> bool:
        """Whether somebody looks regularly. If not, nothing may be concluded from the rest."""
        return abs(now_ms - self.seen_ms) <= UNWATCHED_MS

    def in_use(self, now_ms: int) -> bool:
        """Whether it was used within the last minute."""
        return now_ms < self.last_used_ms + MINUTE_MS


def advanced(
    old: Activity | None, workload_id: str, now_ms: int, awake_ms: int, why: str
) -> Activity:
    """What is known after a look. why: what uses it now, "" for nothing. awake_ms: a clock that stops when the machine does.

    What happened while nobody looked is unknown and counts as use: a service that was away must not end anybody's work.
    """
    offset_ms = now_ms - awake_ms
    minute = now_ms - now_ms % MINUTE_MS
    used = minute + MINUTE_MS
    if old is None:
        return Activity(workload_id, used, why or "its start", minute, offset_ms)
    slept = max(0, offset_ms - old.offset_ms)
    seen = replace(old, seen_ms=minute, slept_ms=slept - slept % MINUTE_MS)
    if why:
        return replace(seen, last_used_ms=used, why=why)
    if not old.watched(now_ms) or old.last_used_ms > used:
        return replace(seen, last_used_ms=used, why="the time that nobody watched it")
    return seen


def of(db: Db, workload_ids: Iterable[str]) -> dict[str, Activity]:
    """What is known of these workloads, by id; nothing of those that nobody has looked at yet."""
    wanted = json.dumps(list(workload_ids))
    found = rows(
        db,
        "SELECT * FROM activity WHERE workload_id IN (SELECT value FROM json_each(?))",
        (wanted,),
    )
    return {item["workload_id"]: Activity(**item) for item in found}


def get(db: Db, workload_id: str) -> Activity | None:
    found = row(db, "SELECT * FROM activity WHERE workload_id = ?", (workload_id,))
    return Activity(**found) if found else None


def put(db: Db, known: Activity) -> None:
    """Store what is known. Inside `write`."""
    execute(
        db,
        "INSERT OR REPLACE INTO activity VALUES (:workload_id, :last_used_ms, :why, :seen_ms, :offset_ms, :slept_ms,"
        " :memory_kills, :memory_killed_ms, :peak_bytes)",
        asdict(known),
    )


def prune(db: Db) -> None:
    """Forget workloads that ended."""
    execute(
        db,
        "DELETE FROM activity WHERE workload_id NOT IN (SELECT id FROM workloads WHERE ended_ms IS NULL)",
    )
