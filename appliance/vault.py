"""Values that must be read again and that nobody may see: sealed rows, opened by a key that is not in the database.

Plugins store only a value's id. What a value is for (its purpose) is sealed in with it, so a row that was copied under
another id or is asked for by somebody else does not open.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from appliance.crypto import Keys, UnknownKey
from appliance.db import Db, execute, row, rows, script, write
from appliance.errors import NotFound
from appliance.ids import new_id

migrations = Migrations("vault")


@migrations()
def m001_vault(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE vault (
            id TEXT PRIMARY KEY, purpose TEXT NOT NULL, key_id TEXT NOT NULL, sealed BLOB NOT NULL,
            created_ms INTEGER NOT NULL, expires_ms INTEGER);
        CREATE INDEX vault_by_purpose ON vault (purpose);
        """,
    )


def put(db: Db, keys: Keys, purpose: str, text: str, expires_ms: int | None = None) -> str:
    """Seal a value; its id. Call inside `write`: a rotation must not come between key and row."""
    assert db.conn.in_transaction
    value_id = new_id("sv")
    key_id, sealed = keys.ring.seal(_bound(value_id, purpose), text)
    execute(
        db,
        "INSERT INTO vault VALUES (?, ?, ?, ?, ?, ?)",
        (value_id, purpose, key_id, sealed, db.clock.now_ms(), expires_ms),
    )
    return value_id


def read(db: Db, keys: Keys, purpose: str, value_id: str) -> str:
    """The value; NotFound when it was dropped or expired, Refused when it can't be opened for this purpose."""
    try:
        return _read(db, keys, purpose, value_id)
    except UnknownKey:  # a rotation came between row and ring: both are of one time now
        return _read(db, keys, purpose, value_id)


def _read(db: Db, keys: Keys, purpose: str, value_id: str) -> str:
    found = row(
        db,
        "SELECT key_id, sealed FROM vault WHERE id = ? AND (expires_ms IS NULL OR expires_ms > ?)",
        (value_id, db.clock.now_ms()),
    )
    if found is None:
        raise NotFound("this value is not there any more", hint="set it again")
    return keys.ring.open(found["key_id"], _bound(value_id, purpose), found["sealed"])


def drop(db: Db, value_id: str) -> None:
    """Forget a value; gone already is fine. Call inside `write`."""
    execute(db, "DELETE FROM vault WHERE id = ?", (value_id,))


def drop_purpose(db: Db, purpose: str) -> None:
    """Forget all values of a purpose. Call inside `write`."""
    execute(db, "DELETE FROM vault WHERE purpose = ?", (purpose,))


def purposes(db: Db, prefix: str) -> list[str]:
    """Purposes that begin so and have values."""
    found = rows(
        db,
        "SELECT DISTINCT purpose FROM vault WHERE substr(purpose, 1, length(?)) = ?",
        (prefix, prefix),
    )
    return [item["purpose"] for item in found]


def prune(db: Db) -> None:
    """Forget what has expired."""
    execute(db, "DELETE FROM vault WHERE expires_ms <= ?", (db.clock.now_ms(),))


def rotate(db: Db, keys: Keys) -> int:
    """Seal everything with a new key and drop the old ones; the number of values. Only root may write the ring.

    Killed anywhere, every value opens, and the next rotation ends what this one began: the new key is on disk before a
    row needs it, and a key goes only when no row does. The write lock keeps two rotations apart.
    """
    with write(db):
        keys.ring.add()
        found = rows(db, "SELECT * FROM vault")
        for item in found:
            bound = _bound(item["id"], item["purpose"])
            text = keys.ring.open(item["key_id"], bound, item["sealed"])
            execute(
                db,
                "UPDATE vault SET key_id = ?, sealed = ? WHERE id = ?",
                (*keys.ring.seal(bound, text), item["id"]),
            )
    with write(db):
        used = rows(db, "SELECT DISTINCT key_id FROM vault")
        keys.ring.retain(item["key_id"] for item in used)
    return len(found)


def _bound(value_id: str, purpose: str) -> str:
    return f"{value_id}\0{purpose}"
