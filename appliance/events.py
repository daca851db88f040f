"""What happened, in order, written in the transaction that did it; and who has been told.

Delivery is an outbox: one cursor per listener, at least once, in order. A listener that fails is tried again with
growing pauses and the event is then parked for the admin to see, so that one bad event does not stop the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script, write

MAX_TRIES = 5
RETRY_AFTER_MS = (1_000, 5_000, 30_000, 120_000)
KEEP_MS = 30 * 24 * 3600 * 1000

migrations = Migrations("events")


@migrations()
def m001_events(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, name TEXT NOT NULL,
            team_id TEXT, project_id TEXT, subject TEXT NOT NULL, actor TEXT, data TEXT NOT NULL);
        CREATE INDEX events_by_project ON events (project_id, id);
        CREATE TABLE event_cursors (
            listener TEXT PRIMARY KEY, position INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
            retry_ms INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE event_parked (
            listener TEXT NOT NULL, event_id INTEGER NOT NULL, at_ms INTEGER NOT NULL, error TEXT NOT NULL,
            PRIMARY KEY (listener, event_id));
        """,
    )


@migrations()
def m002_retry(db: Database) -> None:
    script(db, "ALTER TABLE event_parked ADD COLUMN again INTEGER NOT NULL DEFAULT 0")


@dataclass(frozen=True)
class Event:
    """Something that happened. name: `<concept>.<what>`, for example notebook.running. actor: a user's id."""

    id: int
    at_ms: int
    name: str
    subject: str
    team_id: str | None = None
    project_id: str | None = None
    actor: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def emit(
    db: Db,
    name: str,
    *,
    subject: str,
    team_id: str | None = None,
    project_id: str | None = None,
    actor: str | None = None,
    **data: Any,
) -> None:
    """Record an event; call it inside the transaction that makes it true."""
    execute(
        db,
        "INSERT INTO events (at_ms, name, team_id, project_id, subject, actor, data) VALUES (?,?,?,?,?,?,?)",
        (db.clock.now_ms(), name, team_id, project_id, subject, actor, json.dumps(data)),
    )


def after(db: Db, position: int, limit: int = 200) -> list[Event]:
    """Events behind a position, oldest first."""
    found = rows(db, "SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", (position, limit))
    return [_event(item) for item in found]


def _event(found: dict[str, Any]) -> Event:
    return Event(**{**found, "data": json.loads(found["data"])})


def of_project(
    db: Db, project_id: str, names: Iterable[str], *, subject: str = "", label: str = "", after: int = 0,
    limit: int, newest_first: bool = True,
) -> list[Event]:  # fmt: skip
    """A project's events of these names behind the one of number `after`, 0 = from the start.

    subject: of this one only. label: only those whose data have this `label`.
    """
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    found = rows(
        db,
        "SELECT * FROM events WHERE project_id = :project AND name IN (SELECT value FROM json_each(:names))"
        " AND (:subject = '' OR subject = :subject) AND (:label = '' OR json_extract(data, '$.label') = :label)"
        f" AND (:after = 0 OR id {sign} :after) ORDER BY id {order} LIMIT :limit",
        {
            "project": project_id, "names": json.dumps(list(names)), "subject": subject, "label": label,
            "after": after, "limit": limit,
        },
    )  # fmt: skip
    return [Event(**{**item, "data": json.loads(item["data"])}) for item in found]


def head(db: Db) -> int:
    """The newest event's id, 0 when there is none."""
    found = row(db, "SELECT max(id) AS id FROM events")
    return (found and found["id"]) or 0


Listener = Callable[[Event], None]


def deliver(db: Db, listeners: Sequence[tuple[str, Listener]]) -> int:
    """Tell each listener what it has not heard yet; returns how many deliveries succeeded.

    A new listener starts at the newest event: it is told what happens from now on, not the past.
    """
    return sum(_deliver_to(db, name, listener) for name, listener in listeners)


def _deliver_to(db: Db, name: str, listener: Listener) -> int:
    cursor = row(db, "SELECT * FROM event_cursors WHERE listener = ?", (name,))
    if cursor is None:
        with write(db):
            execute(
                db,
                "INSERT OR IGNORE INTO event_cursors (listener, position) VALUES (?, ?)",
                (name, head(db)),
            )
        return 0
    done, tries = _deliver_again(db, name, listener), cursor["tries"]
    if cursor["retry_ms"] > db.clock.now_ms():
        return done
    for event in after(db, cursor["position"]):
        try:
            listener(event)
        except Exception as error:  # a plugin's code may raise anything
            if not _failed(db, name, event, tries + 1, error):
                return done
        else:
            done += 1
            _moved(db, name, event.id)
        tries = 0
    return done


def _deliver_again(db: Db, name: str, listener: Listener) -> int:
    """Parked events that an admin wants tried once more; what fails again stays parked with the new reason."""
    done = 0
    for item in rows(
        db,
        "SELECT e.* FROM event_parked p JOIN events e ON e.id = p.event_id WHERE p.listener = ? AND p.again = 1"
        " ORDER BY e.id LIMIT 100",
        (name,),
    ):
        event = _event(item)
        try:
            listener(event)
        except Exception as error:  # a plugin's code may raise anything
            with write(db):
                _park(db, name, event, error)
        else:
            done += 1
            with write(db):
                drop_parked(db, name, event.id)
    return done


def _moved(db: Db, name: str, position: int) -> None:
    # Not `write`: a cursor is nobody's news, and waking everyone for it would never end.
    execute(
        db,
        "UPDATE event_cursors SET position = ?, tries = 0, retry_ms = 0 WHERE listener = ?",
        (position, name),
    )


def _failed(db: Db, name: str, event: Event, tries: int, error: Exception) -> bool:
    """Note a failure; True when the event was parked and the next one may be tried."""
    now = db.clock.now_ms()
    if tries < MAX_TRIES:
        retry_ms = now + RETRY_AFTER_MS[min(tries, len(RETRY_AFTER_MS)) - 1]
        execute(
            db,
            "UPDATE event_cursors SET tries = ?, retry_ms = ? WHERE listener = ?",
            (tries, retry_ms, name),
        )
        return False
    with write(db):
        _park(db, name, event, error)
        _moved(db, name, event.id)
    return True


def _park(db: Db, name: str, event: Event, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"[:2000]
    execute(
        db,
        "INSERT OR REPLACE INTO event_parked (listener, event_id, at_ms, error) VALUES (?, ?, ?, ?)",
        (name, event.id, db.clock.now_ms(), text),
    )


def parked(db: Db) -> list[dict[str, Any]]:
    """Events that a listener could not take, newest first."""
    return rows(
        db,
        "SELECT p.*, e.name, e.subject FROM event_parked p JOIN events e ON e.id = p.event_id"
        " ORDER BY p.at_ms DESC LIMIT 200",
    )


def retry_parked(db: Db, listener: str, event_id: int) -> bool:
    """Have a parked event delivered once more, at the worker's next turn. False if it is not parked."""
    where = (listener, event_id)
    return bool(
        execute(db, "UPDATE event_parked SET again = 1 WHERE listener = ? AND event_id = ?", where)
    )


def drop_parked(db: Db, listener: str, event_id: int) -> bool:
    """Never deliver a parked event. False if it is not parked."""
    where = (listener, event_id)
    return bool(execute(db, "DELETE FROM event_parked WHERE listener = ? AND event_id = ?", where))


def prune(db: Db) -> None:
    """Forget events older than 30 days, and that they were parked."""
    execute(db, "DELETE FROM events WHERE at_ms < ?", (db.clock.now_ms() - KEEP_MS,))
    execute(db, "DELETE FROM event_parked WHERE event_id NOT IN (SELECT id FROM events)")
