"""The table of notebooks."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound
from plugins_builtin.notebooks.specs import Limits, Notebook, NotebookSpec

migrations = Migrations("notebooks")


@migrations()
def m001_notebooks(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE notebooks (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, project_id TEXT NOT NULL, name TEXT NOT NULL,
            image TEXT NOT NULL, instance_type TEXT NOT NULL, command TEXT NOT NULL, environment TEXT NOT NULL,
            created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, deleted_ms INTEGER);
        CREATE INDEX notebooks_by_project ON notebooks (project_id, seq) WHERE deleted_ms IS NULL;
        """,
    )


@migrations()
def m002_registry_login(db: Database) -> None:
    script(
        db,
        """
        ALTER TABLE notebooks ADD COLUMN registry_username TEXT NOT NULL DEFAULT '';
        ALTER TABLE notebooks ADD COLUMN registry_password TEXT NOT NULL DEFAULT '';
        """,
    )


@migrations()
def m003_timeout_and_public(db: Database) -> None:
    script(
        db,
        """
        ALTER TABLE notebooks ADD COLUMN shutdown_timeout_h REAL NOT NULL DEFAULT 0;
        ALTER TABLE notebooks ADD COLUMN is_public INTEGER NOT NULL DEFAULT 0;
        """,
    )


@migrations()
def m004_idle_shutdown(db: Database) -> None:
    script(
        db,
        """
        ALTER TABLE notebooks ADD COLUMN idle_shutdown_h REAL;
        CREATE TABLE notebook_limits (
            workload_id TEXT PRIMARY KEY REFERENCES workloads(id), shutdown_timeout_h REAL NOT NULL, idle_shutdown_h REAL,
            kept_ms INTEGER, hold_until_ms INTEGER NOT NULL, warned_ms INTEGER);
        """,
    )


_COLUMNS = (
    "seq, id, project_id, name, image, instance_type, command, environment, created_by, created_ms, modified_ms,"
    " registry_username, registry_password, shutdown_timeout_h, is_public, idle_shutdown_h"
)


def _load(found: dict[str, Any]) -> Notebook:
    parsed = {
        "environment": json.loads(found["environment"]),
        "is_public": bool(found["is_public"]),
    }
    return Notebook(**{**found, **parsed})


def not_found() -> NotFound:
    """What is said of a notebook that does not exist, or belongs to others."""
    return NotFound("no such notebook", hint="check the id, or ask a member of its team to add you")


def insert(
    db: Db, notebook_id: str, project_id: str, spec: NotebookSpec, created_by: str, password: str
) -> None:
    """password: the registry's, as `refs.keep` gave it."""
    now = db.clock.now_ms()
    execute(
        db,
        "INSERT INTO notebooks (id, project_id, name, image, instance_type, command, environment, created_by,"
        " created_ms, modified_ms, registry_username, registry_password, shutdown_timeout_h, is_public, idle_shutdown_h)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            notebook_id, project_id, spec.name, spec.image, spec.instance_type, spec.command,
            json.dumps(spec.environment), created_by, now, now, spec.registry_username, password,
            spec.shutdown_timeout_h, spec.is_public, spec.idle_shutdown_h,
        ),
    )  # fmt: skip


def get(db: Db, notebook_id: str) -> Notebook:
    found = row(
        db, f"SELECT {_COLUMNS} FROM notebooks WHERE id = ? AND deleted_ms IS NULL", (notebook_id,)
    )
    if found is None:
        raise not_found()
    return _load(found)


def find(
    db: Db, *, team_id: str = "", project_id: str = "", name: str = "", after: str = "", limit: int,
    newest_first: bool = True, by_name: bool = False,
) -> list[Notebook]:  # fmt: skip
    """Notebooks of a project, or of all projects of a team, behind the one of id `after`; name: a part of it.

    newest_first: descending. by_name: in the order of their names, not of their making.
    """
    place = "lower(name), seq" if by_name else "seq"
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    found = rows(
        db,
        f"SELECT {_COLUMNS} FROM notebooks WHERE deleted_ms IS NULL"
        " AND (:project = '' OR project_id = :project)"
        " AND (:team = '' OR project_id IN (SELECT project_id FROM project_teams WHERE team_id = :team))"
        " AND (:name = '' OR instr(lower(name), lower(:name)) > 0)"
        f" AND (:after = '' OR ({place}) {sign} (SELECT {place} FROM notebooks WHERE id = :after))"
        f" ORDER BY {place.replace(',', f' {order},')} {order} LIMIT :limit",
        {"project": project_id, "team": team_id, "name": name, "after": after, "limit": limit},
    )
    return [_load(item) for item in found]


def set_instance_type(db: Db, notebook_id: str, instance_type: str) -> None:
    execute(
        db,
        "UPDATE notebooks SET instance_type = ?, modified_ms = ? WHERE id = ?",
        (instance_type, db.clock.now_ms(), notebook_id),
    )


def move(db: Db, notebook_id: str, project_id: str) -> None:
    execute(
        db,
        "UPDATE notebooks SET project_id = ?, modified_ms = ? WHERE id = ?",
        (project_id, db.clock.now_ms(), notebook_id),
    )


def mark_deleted(db: Db, notebook_id: str) -> None:
    execute(
        db, "UPDATE notebooks SET deleted_ms = ? WHERE id = ?", (db.clock.now_ms(), notebook_id)
    )


def set_timeouts(db: Db, notebook_id: str, timeout_h: float, idle_h: float | None) -> None:
    execute(
        db,
        "UPDATE notebooks SET shutdown_timeout_h = ?, idle_shutdown_h = ? WHERE id = ?",
        (timeout_h, idle_h, notebook_id),
    )


def limits(db: Db, workload_id: str) -> Limits:
    """Of one session; none at all of one that has no row."""
    found = row(db, "SELECT * FROM notebook_limits WHERE workload_id = ?", (workload_id,))
    return Limits(**found) if found else Limits(workload_id)


def put_limits(db: Db, limits: Limits) -> None:
    execute(
        db,
        "INSERT OR REPLACE INTO notebook_limits VALUES (:workload_id, :shutdown_timeout_h, :idle_shutdown_h, :kept_ms,"
        " :hold_until_ms, :warned_ms)",
        asdict(limits),
    )
