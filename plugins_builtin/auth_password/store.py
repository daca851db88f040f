"""Tables of passwords and of failed tries."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, script

migrations = Migrations("auth_password")


@migrations()
def m001_passwords(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE passwords (
            user_id TEXT PRIMARY KEY REFERENCES users(id), hash TEXT NOT NULL, changed_ms INTEGER NOT NULL);
        CREATE TABLE password_failures (who TEXT NOT NULL, at_ms INTEGER NOT NULL);
        CREATE INDEX password_failures_by_who ON password_failures (who, at_ms);
        """,
    )


def hash_of(db: Db, user_id: str) -> str | None:
    found = row(db, "SELECT hash FROM passwords WHERE user_id = ?", (user_id,))
    return found["hash"] if found else None


def put(db: Db, user_id: str, hashed: str) -> None:
    execute(
        db,
        "INSERT INTO passwords VALUES (?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash,"
        " changed_ms = excluded.changed_ms",
        (user_id, hashed, db.clock.now_ms()),
    )


def failures(db: Db, who: str, since_ms: int) -> int:
    found = row(
        db,
        "SELECT count(*) AS n FROM password_failures WHERE who = ? AND at_ms > ?",
        (who, since_ms),
    )
    return found["n"] if found else 0


def add_failure(db: Db, who: str, forget_before_ms: int) -> None:
    execute(db, "INSERT INTO password_failures VALUES (?, ?)", (who, db.clock.now_ms()))
    execute(db, "DELETE FROM password_failures WHERE at_ms < ?", (forget_before_ms,))


def clear_failures(db: Db, who: str) -> None:
    execute(db, "DELETE FROM password_failures WHERE who = ?", (who,))


def is_empty(db: Db) -> bool:
    return row(db, "SELECT 1 FROM passwords LIMIT 1") is None
