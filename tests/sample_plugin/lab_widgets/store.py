"""The table of widgets."""

from __future__ import annotations

from lab_widgets.specs import Widget
from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound

migrations = Migrations("widgets")


@migrations()
def m001_widgets(db: Database) -> None:
    script(
        db,
        "CREATE TABLE widgets (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " project_id TEXT NOT NULL, name TEXT NOT NULL, created_ms INTEGER NOT NULL)",
    )


def insert(db: Db, widget_id: str, project_id: str, name: str) -> None:
    execute(
        db,
        "INSERT INTO widgets (id, project_id, name, created_ms) VALUES (?, ?, ?, ?)",
        (widget_id, project_id, name, db.clock.now_ms()),
    )


def get(db: Db, widget_id: str) -> Widget:
    found = row(db, "SELECT * FROM widgets WHERE id = ?", (widget_id,))
    if found is None:
        raise NotFound("no such widget", hint="check the id")
    return Widget(**found)


def of_projects(db: Db, project_ids: list[str], text: str = "", limit: int = 100) -> list[Widget]:
    """Newest first; text: a part of the name."""
    marks = ", ".join("?" for _ in project_ids)
    found = rows(
        db,
        f"SELECT * FROM widgets WHERE project_id IN ({marks}) AND instr(lower(name), lower(?)) > 0"
        " ORDER BY seq DESC LIMIT ?",
        (*project_ids, text, limit),
    )
    return [Widget(**item) for item in found]


def delete(db: Db, widget_id: str) -> None:
    execute(db, "DELETE FROM widgets WHERE id = ?", (widget_id,))


def delete_project(db: Db, project_id: str) -> None:
    execute(db, "DELETE FROM widgets WHERE project_id = ?", (project_id,))


def count(db: Db) -> int:
    found = row(db, "SELECT count(*) AS n FROM widgets")
    return found["n"] if found else 0
