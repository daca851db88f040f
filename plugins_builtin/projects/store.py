"""The table of projects."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound
from plugins_builtin.projects.specs import Project

migrations = Migrations("projects")


@migrations()
def m001_projects(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE projects (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, team_id TEXT NOT NULL REFERENCES teams(id),
            name TEXT NOT NULL, created_ms INTEGER NOT NULL, deleted_ms INTEGER);
        CREATE INDEX projects_by_team ON projects (team_id, seq) WHERE deleted_ms IS NULL;
        """,
    )


_COLUMNS = "seq, id, team_id, name, created_ms"


def insert(db: Db, project_id: str, team_id: str, name: str) -> None:
    execute(
        db,
        "INSERT INTO projects (id, team_id, name, created_ms) VALUES (?, ?, ?, ?)",
        (project_id, team_id, name, db.clock.now_ms()),
    )


def get(db: Db, project_id: str) -> Project:
    found = row(
        db, f"SELECT {_COLUMNS} FROM projects WHERE id = ? AND deleted_ms IS NULL", (project_id,)
    )
    if found is None:
        raise NotFound(
            "no such project", hint="check the id, or ask a member of its team to add you"
        )
    return Project(**found)


def of_team(
    db: Db, team_id: str, after: str, limit: int, newest_first: bool = True
) -> list[Project]:
    """Projects behind the one of id `after` ("" = from the start); at most `limit`."""
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    found = rows(
        db,
        f"SELECT {_COLUMNS} FROM projects WHERE team_id = ? AND deleted_ms IS NULL AND (? = '' OR seq {sign}"
        f" (SELECT seq FROM projects WHERE id = ?)) ORDER BY seq {order} LIMIT ?",
        (team_id, after, after, limit),
    )
    return [Project(**item) for item in found]


def named(db: Db, team_id: str, text: str, limit: int) -> list[Project]:
    """Projects of a team whose name or id contains the text, newest first."""
    found = rows(
        db,
        f"SELECT {_COLUMNS} FROM projects WHERE team_id = ? AND deleted_ms IS NULL"
        " AND (instr(lower(name), lower(?)) > 0 OR id = ?) ORDER BY seq DESC LIMIT ?",
        (team_id, text, text, limit),
    )
    return [Project(**item) for item in found]


def rename(db: Db, project_id: str, name: str) -> None:
    execute(db, "UPDATE projects SET name = ? WHERE id = ?", (name, project_id))


def mark_deleted(db: Db, project_id: str) -> None:
    execute(db, "UPDATE projects SET deleted_ms = ? WHERE id = ?", (db.clock.now_ms(), project_id))
