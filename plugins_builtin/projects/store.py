"""The table of projects."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound
from plugins_builtin.projects.specs import Project, Tag

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


@migrations()
def m002_tags(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE project_tags (
            id INTEGER PRIMARY KEY AUTOINCREMENT, project_id TEXT NOT NULL REFERENCES projects(id), name TEXT NOT NULL,
            created_ms INTEGER NOT NULL, UNIQUE (project_id, name));
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


def matching(db: Db, team_id: str, text: str, limit: int) -> list[Project]:
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


def named(db: Db, team_id: str, name: str) -> Project | None:
    """The oldest project of a team that has this name."""
    found = row(
        db,
        f"SELECT {_COLUMNS} FROM projects WHERE team_id = ? AND name = ? AND deleted_ms IS NULL ORDER BY seq LIMIT 1",
        (team_id, name),
    )
    return Project(**found) if found else None


def add_tag(db: Db, project_id: str, name: str) -> None:
    """Nothing happens when it has this tag already."""
    execute(
        db,
        "INSERT OR IGNORE INTO project_tags (project_id, name, created_ms) VALUES (?, ?, ?)",
        (project_id, name, db.clock.now_ms()),
    )


def tag(db: Db, project_id: str, name: str) -> Tag:
    """NotFound."""
    found = row(
        db,
        "SELECT id, name, created_ms FROM project_tags WHERE project_id = ? AND name = ?",
        (project_id, name),
    )
    if found is None:
        raise NotFound(f"this project has no tag {name[:100]!r}")
    return Tag(**found)


def tags(db: Db, project_id: str, after: int, limit: int, newest_first: bool = True) -> list[Tag]:
    """Tags behind the one of number `after` (0 = from the start)."""
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    found = rows(
        db,
        "SELECT id, name, created_ms FROM project_tags WHERE project_id = ?"
        f" AND (? = 0 OR id {sign} ?) ORDER BY id {order} LIMIT ?",
        (project_id, after, after, limit),
    )
    return [Tag(**item) for item in found]


def remove_tag(db: Db, project_id: str, name: str) -> None:
    execute(db, "DELETE FROM project_tags WHERE project_id = ? AND name = ?", (project_id, name))
