"""The table of names that an admin gave a meaning."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, rows, script

migrations = Migrations("instance_types")


@migrations()
def m001_machine_types(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE machine_types (
            name TEXT PRIMARY KEY COLLATE NOCASE, instance_type TEXT NOT NULL, changed_ms INTEGER NOT NULL);
        """,
    )


def all_names(db: Db) -> dict[str, str]:
    """Name -> instance type, "" for one that is refused."""
    found = rows(db, "SELECT name, instance_type FROM machine_types ORDER BY name")
    return {item["name"]: item["instance_type"] for item in found}


def chosen(db: Db, name: str) -> str | None:
    """What an admin said of a name, in any case of letters; None for nothing."""
    found = rows(db, "SELECT instance_type FROM machine_types WHERE name = ?", (name,))
    return found[0]["instance_type"] if found else None


def put(db: Db, name: str, instance_type: str) -> None:
    execute(
        db,
        "INSERT INTO machine_types VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
        " instance_type = excluded.instance_type, changed_ms = excluded.changed_ms",
        (name, instance_type, db.clock.now_ms()),
    )


def remove(db: Db, name: str) -> None:
    execute(db, "DELETE FROM machine_types WHERE name = ?", (name,))
