"""The table of teams' own images."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import Conflict
from plugins_builtin.images.specs import OwnImage

migrations = Migrations("images")


@migrations()
def m001_images(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE team_images (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, team_id TEXT NOT NULL REFERENCES teams(id),
            name TEXT NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL, ref TEXT NOT NULL, note TEXT NOT NULL,
            created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, UNIQUE (team_id, name));
        """,
    )


def insert(
    db: Db, *, image_id: str, team_id: str, name: str, kind: str, source: str, ref: str, note: str, user_id: str,
) -> None:  # fmt: skip
    """Conflict when the team has one of that name."""
    try:
        execute(
            db,
            "INSERT INTO team_images (id, team_id, name, kind, source, ref, note, created_by, created_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (image_id, team_id, name, kind, source, ref, note, user_id, db.clock.now_ms()),
        )
    except sqlite3.IntegrityError:
        raise Conflict(f"there is an image {name} already", hint="choose another name") from None


def find(db: Db, team_id: str, name: str) -> OwnImage | None:
    """By id or name, of this team only."""
    found = row(
        db, "SELECT * FROM team_images WHERE team_id = ? AND ? IN (id, name)", (team_id, name)
    )
    return OwnImage(**found) if found else None


def by_id(db: Db, image_id: str) -> OwnImage | None:
    """Of whatever team."""
    found = row(db, "SELECT * FROM team_images WHERE id = ?", (image_id,))
    return OwnImage(**found) if found else None


def of_team(db: Db, team_id: str) -> list[OwnImage]:
    found = rows(db, "SELECT * FROM team_images WHERE team_id = ? ORDER BY name", (team_id,))
    return [OwnImage(**item) for item in found]


def all_refs(db: Db) -> set[str]:
    return {item["ref"] for item in rows(db, "SELECT ref FROM team_images")}


def delete(db: Db, image_id: str) -> None:
    execute(db, "DELETE FROM team_images WHERE id = ?", (image_id,))
