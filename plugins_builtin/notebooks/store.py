"""The table of notebooks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound
from plugins_builtin.notebooks.specs import Limits, Notebook, NotebookSpec, Tag, Version

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


@migrations()
def m005_workspace(db: Database) -> None:
    script(
        db,
        """
        ALTER TABLE notebooks ADD COLUMN workspace TEXT NOT NULL DEFAULT '';
        ALTER TABLE notebooks ADD COLUMN workspace_ref TEXT NOT NULL DEFAULT '';
        ALTER TABLE notebooks ADD COLUMN workspace_username TEXT NOT NULL DEFAULT '';
        ALTER TABLE notebooks ADD COLUMN workspace_password TEXT NOT NULL DEFAULT '';
        """,
    )


@migrations()
def m006_forks_shares_tags_versions(db: Database) -> None:
    """files_state: "" when its files are there, "copying", or "failed" with files_message."""
    script(
        db,
        """
        ALTER TABLE notebooks ADD COLUMN forked_from TEXT NOT NULL DEFAULT '';
        ALTER TABLE notebooks ADD COLUMN files_state TEXT NOT NULL DEFAULT '';
        ALTER TABLE notebooks ADD COLUMN files_message TEXT NOT NULL DEFAULT '';
        ALTER TABLE notebooks ADD COLUMN share_token TEXT NOT NULL DEFAULT '';
        CREATE UNIQUE INDEX notebooks_by_share ON notebooks (share_token) WHERE share_token <> '';
        CREATE INDEX notebooks_by_origin ON notebooks (forked_from) WHERE files_state = 'copying';
        CREATE TABLE notebook_tags (
            id INTEGER PRIMARY KEY AUTOINCREMENT, notebook_id TEXT NOT NULL REFERENCES notebooks(id), name TEXT NOT NULL,
            created_ms INTEGER NOT NULL, UNIQUE (notebook_id, name));
        CREATE TABLE notebook_versions (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, notebook_id TEXT NOT NULL REFERENCES notebooks(id),
            session_id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, message TEXT NOT NULL DEFAULT '',
            files INTEGER NOT NULL DEFAULT 0, size_bytes INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL);
        CREATE INDEX notebook_versions_by_notebook ON notebook_versions (notebook_id, seq);
        """,
    )


_COLUMNS = (
    "seq, id, project_id, name, image, instance_type, command, environment, created_by, created_ms, modified_ms,"
    " registry_username, registry_password, workspace, workspace_ref, workspace_username, workspace_password,"
    " shutdown_timeout_h, is_public, idle_shutdown_h, forked_from, files_state, files_message, share_token"
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
    db: Db,
    notebook_id: str,
    project_id: str,
    spec: NotebookSpec,
    created_by: str,
    kept: Mapping[str, str],
) -> None:
    """kept: both passwords as `refs.keep` gave them, and columns that the spec does not have."""
    now = db.clock.now_ms()
    given = {
        **spec.model_dump(),
        **kept,
        "environment": json.dumps(spec.environment),
        "id": notebook_id,
        "project_id": project_id,
        "created_by": created_by,
        "created_ms": now,
        "modified_ms": now,
    }
    names, places = ", ".join(given), ", ".join(f":{name}" for name in given)
    execute(db, f"INSERT INTO notebooks ({names}) VALUES ({places})", given)


def get(db: Db, notebook_id: str) -> Notebook:
    found = row(
        db, f"SELECT {_COLUMNS} FROM notebooks WHERE id = ? AND deleted_ms IS NULL", (notebook_id,)
    )
    if found is None:
        raise not_found()
    return _load(found)


def find(
    db: Db, *, team_id: str = "", project_id: str = "", name: str = "", tags: Iterable[str] = (),
    after: str = "", limit: int, newest_first: bool = True, by_name: bool = False,
) -> list[Notebook]:  # fmt: skip
    """Notebooks of a project, or of all projects of a team, behind the one of id `after`; name: a part of it;
    tags: all of which it has.

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
        " AND NOT EXISTS (SELECT value FROM json_each(:tags) EXCEPT"
        " SELECT name FROM notebook_tags WHERE notebook_id = notebooks.id)"
        f" AND (:after = '' OR ({place}) {sign} (SELECT {place} FROM notebooks WHERE id = :after))"
        f" ORDER BY {place.replace(',', f' {order},')} {order} LIMIT :limit",
        {
            "project": project_id,
            "team": team_id,
            "name": name,
            "after": after,
            "limit": limit,
            "tags": json.dumps(list(tags)),
        },
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


def rename(db: Db, notebook_id: str, name: str) -> None:
    execute(
        db,
        "UPDATE notebooks SET name = ?, modified_ms = ? WHERE id = ?",
        (name, db.clock.now_ms(), notebook_id),
    )


def set_files(db: Db, notebook_id: str, state: str, message: str = "") -> bool:
    """Whether its files are there: "" for yes, "copying", "failed". False when it was deleted."""
    return bool(
        execute(
            db,
            "UPDATE notebooks SET files_state = ?, files_message = ? WHERE id = ? AND deleted_ms IS NULL",
            (state, message, notebook_id),
        )
    )


def set_share(db: Db, notebook_id: str, token: str) -> None:
    """Public under this token; "" = not any more."""
    execute(
        db,
        "UPDATE notebooks SET is_public = ?, share_token = ? WHERE id = ?",
        (bool(token), token, notebook_id),
    )


def is_being_forked(db: Db, notebook_id: str) -> bool:
    """Whether its files are being copied to a new notebook."""
    found = row(
        db,
        "SELECT 1 FROM notebooks WHERE forked_from = ? AND files_state = 'copying' AND deleted_ms IS NULL",
        (notebook_id,),
    )
    return found is not None


def by_share(db: Db, token: str) -> Notebook | None:
    """The public notebook of this token."""
    found = row(
        db,
        f"SELECT {_COLUMNS} FROM notebooks WHERE share_token = ? AND share_token <> '' AND is_public"
        " AND deleted_ms IS NULL",
        (token,),
    )
    return _load(found) if found else None


def add_tag(db: Db, notebook_id: str, name: str) -> None:
    """Nothing happens when it has this tag already."""
    execute(
        db,
        "INSERT OR IGNORE INTO notebook_tags (notebook_id, name, created_ms) VALUES (?, ?, ?)",
        (notebook_id, name, db.clock.now_ms()),
    )


def tag(db: Db, notebook_id: str, name: str) -> Tag:
    """NotFound."""
    found = row(
        db,
        "SELECT id, name, created_ms FROM notebook_tags WHERE notebook_id = ? AND name = ?",
        (notebook_id, name),
    )
    if found is None:
        raise NotFound(f"this notebook has no tag {name[:100]!r}")
    return Tag(**found)


def tags(db: Db, notebook_id: str, after: int, limit: int, newest_first: bool = True) -> list[Tag]:
    """Tags behind the one of number `after` (0 = from the start)."""
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    found = rows(
        db,
        "SELECT id, name, created_ms FROM notebook_tags WHERE notebook_id = ?"
        f" AND (? = 0 OR id {sign} ?) ORDER BY id {order} LIMIT ?",
        (notebook_id, after, after, limit),
    )
    return [Tag(**item) for item in found]


def tag_names(db: Db, notebook_ids: Iterable[str]) -> dict[str, list[str]]:
    """The tags of each notebook that has some, in the order of the alphabet."""
    found = rows(
        db,
        "SELECT notebook_id, name FROM notebook_tags WHERE notebook_id IN (SELECT value FROM json_each(?))"
        " ORDER BY name",
        (json.dumps(list(notebook_ids)),),
    )
    names: dict[str, list[str]] = {}
    for item in found:
        names.setdefault(item["notebook_id"], []).append(item["name"])
    return names


def remove_tag(db: Db, notebook_id: str, name: str) -> None:
    execute(db, "DELETE FROM notebook_tags WHERE notebook_id = ? AND name = ?", (notebook_id, name))


_VERSION = "seq, notebook_id, session_id, state, message, files, size_bytes, created_ms"


def add_version(db: Db, notebook_id: str, session_id: str) -> bool:
    """A version that is being copied; False when this session has one."""
    return bool(
        execute(
            db,
            "INSERT OR IGNORE INTO notebook_versions (notebook_id, session_id, state, created_ms)"
            " VALUES (?, ?, 'copying', ?)",
            (notebook_id, session_id, db.clock.now_ms()),
        )
    )


def end_version(
    db: Db, session_id: str, state: str, message: str = "", files: int = 0, size_bytes: int = 0
) -> bool:
    """How its copy ended: "ready" or "failed"; False when there is no such version any more."""
    return bool(
        execute(
            db,
            "UPDATE notebook_versions SET state = ?, message = ?, files = ?, size_bytes = ? WHERE session_id = ?",
            (state, message, files, size_bytes, session_id),
        )
    )


def versions(db: Db, notebook_id: str) -> list[Version]:
    """What past sessions left, newest first."""
    found = rows(
        db,
        f"SELECT {_VERSION} FROM notebook_versions WHERE notebook_id = ? ORDER BY seq DESC",
        (notebook_id,),
    )
    return [Version(**item) for item in found]


def version(db: Db, notebook_id: str, session_id: str) -> Version:
    """NotFound when that session left none."""
    found = row(
        db,
        f"SELECT {_VERSION} FROM notebook_versions WHERE notebook_id = ? AND session_id = ?",
        (notebook_id, session_id),
    )
    if found is None:
        raise NotFound("nothing was kept of this session", hint="choose another version")
    return Version(**found)


def version_of_session(db: Db, session_id: str) -> Version | None:
    found = row(db, f"SELECT {_VERSION} FROM notebook_versions WHERE session_id = ?", (session_id,))
    return Version(**found) if found else None


def drop_version(db: Db, session_id: str) -> None:
    execute(db, "DELETE FROM notebook_versions WHERE session_id = ?", (session_id,))
