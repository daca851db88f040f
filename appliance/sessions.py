"""Who is signed in: sessions of the UI, and the tickets and gate cookies that carry them to users' code.

Only digests are stored. A gate lives as long as the session it came from, so signing out closes the notebooks too.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database, Migrations

from appliance import crypto
from appliance.db import Db, execute, row, rows, script

SESSION_MS = 14 * 24 * 3600 * 1000
IDLE_MS = 7 * 24 * 3600 * 1000
TICKET_MS = 60 * 1000
SEEN_EVERY_MS = 60 * 1000

migrations = Migrations("sessions")


@migrations()
def m001_sessions(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE sessions (
            digest TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id), team_id TEXT NOT NULL,
            provider TEXT NOT NULL, created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL);
        CREATE INDEX sessions_by_user ON sessions (user_id);
        CREATE TABLE tickets (
            digest TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions(digest) ON DELETE CASCADE,
            service TEXT NOT NULL, expires_ms INTEGER NOT NULL);
        CREATE TABLE gates (
            digest TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions(digest) ON DELETE CASCADE,
            service TEXT NOT NULL, created_ms INTEGER NOT NULL);
        """,
    )


@dataclass(frozen=True)
class Session:
    """digest: its id in our tables; the token itself is only in the browser's cookie."""

    digest: str
    user_id: str
    team_id: str
    provider: str
    created_ms: int
    seen_ms: int


def start(db: Db, user_id: str, team_id: str, provider: str) -> str:
    """A new session; returns the token for the cookie. Inside `write`."""
    token, now = crypto.new_token(), db.clock.now_ms()
    execute(
        db,
        "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)",
        (crypto.digest(token), user_id, team_id, provider, now, now),
    )
    execute(
        db,
        "DELETE FROM sessions WHERE created_ms < ? OR seen_ms < ?",
        (now - SESSION_MS, now - IDLE_MS),
    )
    return token


def find(db: Db, token: str) -> Session | None:
    """The live session of a cookie, noting once a minute that it was used."""
    found = by_digest(db, crypto.digest(token))
    if found and db.clock.now_ms() - found.seen_ms > SEEN_EVERY_MS:
        execute(
            db,
            "UPDATE sessions SET seen_ms = ? WHERE digest = ?",
            (db.clock.now_ms(), found.digest),
        )
    return found


def by_digest(db: Db, session_digest: str) -> Session | None:
    """A session that has not expired and whose user is not disabled."""
    now = db.clock.now_ms()
    found = row(
        db,
        "SELECT s.* FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.digest = ? AND u.disabled = 0"
        " AND s.created_ms > ? AND s.seen_ms > ?",
        (session_digest, now - SESSION_MS, now - IDLE_MS),
    )
    return Session(**found) if found else None


def choose_team(db: Db, session_digest: str, team_id: str) -> None:
    execute(db, "UPDATE sessions SET team_id = ? WHERE digest = ?", (team_id, session_digest))


def move(db: Db, user_id: str, team_id: str, to_team_id: str) -> None:
    """Where a user works in one team, work in another. Inside `write`."""
    execute(
        db,
        "UPDATE sessions SET team_id = ? WHERE user_id = ? AND team_id = ?",
        (to_team_id, user_id, team_id),
    )


def end(db: Db, session_digest: str) -> None:
    """Sign out; its gates and tickets go with it."""
    execute(db, "DELETE FROM sessions WHERE digest = ?", (session_digest,))


def end_all(db: Db, user_id: str) -> None:
    """Sign a user out everywhere."""
    execute(db, "DELETE FROM sessions WHERE user_id = ?", (user_id,))


def end_others(db: Db, user_id: str, session_digest: str) -> None:
    """Sign a user out everywhere else."""
    execute(db, "DELETE FROM sessions WHERE user_id = ? AND digest <> ?", (user_id, session_digest))


def of_user(db: Db, user_id: str) -> list[Session]:
    return [
        Session(**item)
        for item in rows(
            db, "SELECT * FROM sessions WHERE user_id = ? ORDER BY seen_ms DESC", (user_id,)
        )
    ]


def issue_ticket(db: Db, session_digest: str, service: str) -> str:
    """A ticket for one service (such as "n/nabc1234"), good once and for a minute. Inside `write`."""
    ticket, now = crypto.new_token(), db.clock.now_ms()
    execute(db, "DELETE FROM tickets WHERE expires_ms < ?", (now,))
    execute(
        db,
        "INSERT INTO tickets VALUES (?, ?, ?, ?)",
        (crypto.digest(ticket), session_digest, service, now + TICKET_MS),
    )
    return ticket


def redeem_ticket(db: Db, ticket: str) -> tuple[str, str] | None:
    """(service, gate token) for a ticket that is good; it is used up by this. Inside `write`."""
    found = row(
        db,
        "DELETE FROM tickets WHERE digest = ? AND expires_ms >= ? RETURNING session, service",
        (crypto.digest(ticket), db.clock.now_ms()),
    )
    if found is None:
        return None
    gate = crypto.new_token()
    execute(
        db,
        "INSERT INTO gates VALUES (?, ?, ?, ?)",
        (crypto.digest(gate), found["session"], found["service"], db.clock.now_ms()),
    )
    return found["service"], gate


def find_gate(db: Db, gate: str, service: str) -> Session | None:
    """The session behind a gate cookie, if the cookie is for this service and the session still lives."""
    found = row(
        db,
        "SELECT session FROM gates WHERE digest = ? AND service = ?",
        (crypto.digest(gate), service),
    )
    return by_digest(db, found["session"]) if found else None
