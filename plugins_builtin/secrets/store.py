"""The table of secrets: names and where they belong. Their values are in the vault."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from plugins_builtin.secrets.specs import Secret

migrations = Migrations("secrets")

_COLUMNS = "seq, scope, owner_id, name, vault_id, created_ms, modified_ms, expires_ms"


@migrations()
def m001_secrets(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE secrets (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, owner_id TEXT NOT NULL, name TEXT NOT NULL,
            vault_id TEXT NOT NULL, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, expires_ms INTEGER,
            UNIQUE (scope, owner_id, name));
        """,
    )


def insert(
    db: Db, scope: str, owner_id: str, name: str, vault_id: str, expires_ms: int | None = None
) -> None:
    now = db.clock.now_ms()
    execute(
        db,
        "INSERT INTO secrets (scope, owner_id, name, vault_id, created_ms, modified_ms, expires_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (scope, owner_id, name, vault_id, now, now, expires_ms),
    )


def find(db: Db, scope: str, owner_id: str, name: str) -> Secret | None:
    found = row(
        db,
        f"SELECT {_COLUMNS} FROM secrets WHERE scope = ? AND owner_id = ? AND name = ?",
        (scope, owner_id, name),
    )
    return Secret(**found) if found else None


def of_owner(
    db: Db, scope: str, owner_id: str, after: str = "", limit: int = -1, newest_first: bool = False
) -> list[Secret]:
    """Secrets behind the one named `after` ("" = from the start); limit -1: all."""
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    found = rows(
        db,
        f"SELECT {_COLUMNS} FROM secrets WHERE scope = :scope AND owner_id = :owner AND (:after = '' OR seq {sign}"
        " (SELECT seq FROM secrets WHERE scope = :scope AND owner_id = :owner AND name = :after))"
        f" ORDER BY seq {order} LIMIT :limit",
        {"scope": scope, "owner": owner_id, "after": after, "limit": limit},
    )
    return [Secret(**item) for item in found]


def set_value(db: Db, seq: int, vault_id: str) -> None:
    execute(
        db,
        "UPDATE secrets SET vault_id = ?, modified_ms = ? WHERE seq = ?",
        (vault_id, db.clock.now_ms(), seq),
    )


def delete(db: Db, seq: int) -> None:
    execute(db, "DELETE FROM secrets WHERE seq = ?", (seq,))


def delete_expired(db: Db, before_ms: int) -> None:
    """Ephemeral ones that expired before that moment."""
    execute(db, "DELETE FROM secrets WHERE expires_ms < ?", (before_ms,))
