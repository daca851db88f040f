"""Who holds a WebSocket through the gateway, so that losing access can close it.

The gateway asks web at every WebSocket handshake (never from its cache), and web notes the TCP connection here. The worker
marks those whose holder may no longer; the supervisor, who alone can, closes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, rows, script

migrations = Migrations("connections")


@migrations()
def m001_connections(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE connections (
            client TEXT NOT NULL, server TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, user_id TEXT NOT NULL,
            credential TEXT NOT NULL, opened_ms INTEGER NOT NULL, closing INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (client, server));
        """,
    )


@dataclass(frozen=True)
class Connection:
    """client, server: `address:port` as nginx sees them; one TCP connection. credential: as in Principal."""

    client: str
    server: str
    kind: str
    target: str
    user_id: str
    credential: str
    opened_ms: int
    closing: bool


def record(
    db: Db, client: str, server: str, kind: str, target: str, user_id: str, credential: str
) -> None:
    """Note a handshake that was let through."""
    execute(
        db,
        "INSERT OR REPLACE INTO connections VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        (client, server, kind, target, user_id, credential, db.clock.now_ms()),
    )


def all_connections(db: Db) -> list[Connection]:
    found = rows(db, "SELECT * FROM connections")
    return [Connection(**{**item, "closing": bool(item["closing"])}) for item in found]


def mark_closing(db: Db, connection: Connection) -> None:
    """Ask the supervisor to close it. Inside `write`."""
    execute(
        db,
        "UPDATE connections SET closing = 1 WHERE client = ? AND server = ?",
        (connection.client, connection.server),
    )


def forget(db: Db, connection: Connection) -> None:
    """It is closed."""
    execute(
        db,
        "DELETE FROM connections WHERE client = ? AND server = ? AND opened_ms = ?",
        (connection.client, connection.server, connection.opened_ms),
    )
