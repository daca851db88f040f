"""Upstream groups that nginx has from the start, lent to workloads with a route, so that connections are kept.

nginx keeps idle connections only for groups named in its configuration, and a group for each notebook would need a
reload for each start. So there is a fixed number of them: slot 3 is the group `slot_3`, which connects through the link
`run/slots/3` to the socket directory of the workload that holds the slot. Who gets none is reached directly.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import Refused
from appliance.ids import is_id
from appliance.paths import Paths
from appliance.runtime.spec import GATEWAY_SOCKET, Route

SLOTS = 64
# A slot is given back when the container, and with it every connection, is gone, and rests before its next holder:
# whoever was let in to the last one may be sent there for 2 s more, as long as nginx caches authorisations.
REST_MS = 60_000

migrations = Migrations("slots")


@migrations()
def m001_slots(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE route_slots (
            slot INTEGER PRIMARY KEY, workload_id TEXT UNIQUE REFERENCES workloads(id),
            released_ms INTEGER NOT NULL DEFAULT 0);
        """,
    )
    db.conn.executemany("INSERT INTO route_slots (slot) VALUES (?)", [(k,) for k in range(64)])


@dataclass(frozen=True)
class Held:
    """A slot and the workload that holds it."""

    slot: int
    workload_id: str


def upstream(slot: int) -> str:
    """The group's name in nginx's configuration."""
    return f"slot_{slot}"


def take(db: Db, workload_id: str, route: Route | None) -> int | None:
    """The workload's slot, a rested one if it holds none yet; None when it can have none. Inside `write`."""
    if route is None or route.socket != GATEWAY_SOCKET:
        return None
    held = of(db, workload_id)
    if held is not None:
        return held
    found = row(
        db,
        "SELECT slot FROM route_slots WHERE workload_id IS NULL AND released_ms <= ? AND slot < ?"
        " ORDER BY released_ms, slot LIMIT 1",
        (db.clock.now_ms() - REST_MS, SLOTS),
    )
    if found is None:
        return None
    execute(
        db, "UPDATE route_slots SET workload_id = ? WHERE slot = ?", (workload_id, found["slot"])
    )
    slot: int = found["slot"]
    return slot


def of(db: Db, workload_id: str) -> int | None:
    """The slot that a workload holds, or None."""
    found = row(db, "SELECT slot FROM route_slots WHERE workload_id = ?", (workload_id,))
    return found["slot"] if found else None


def release(db: Db, workload_id: str) -> None:
    """Give it back once the container is gone; nothing happens without one. Inside `write`."""
    execute(
        db,
        "UPDATE route_slots SET workload_id = NULL, released_ms = ? WHERE workload_id = ?",
        (db.clock.now_ms(), workload_id),
    )


def all_held(db: Db) -> list[Held]:
    found = rows(
        db, "SELECT slot, workload_id FROM route_slots WHERE workload_id IS NOT NULL ORDER BY slot"
    )
    return [Held(**item) for item in found]


def link(paths: Paths, held: Held) -> None:
    """Let the slot lead to the holder's socket directory, in one step. Root only, before its route is open. Repeatable.

    The link lies outside of what containers can write, so nginx may follow it; it still follows none of theirs.
    """
    # unprivileged processes can write the table that both come from
    if type(held.slot) is not int or not 0 <= held.slot < SLOTS or not is_id(held.workload_id):
        raise Refused("a slot's row is malformed")
    target = os.path.relpath(paths.sockets / held.workload_id, paths.slots)
    path = paths.slots / str(held.slot)
    if path.is_symlink() and os.readlink(path) == target:
        return
    part = paths.slots / f"{held.slot}.part"
    part.unlink(missing_ok=True)  # of a supervisor that was killed
    part.symlink_to(target)
    part.replace(path)
