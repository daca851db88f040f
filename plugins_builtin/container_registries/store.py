"""The table of registries."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound
from plugins_builtin.container_registries.specs import Registry, RegistryBody

migrations = Migrations("container_registries")

_COLUMNS = (
    "seq, id, team_id, name, namespace, url, username, password, kind, created_ms, modified_ms"
)


@migrations()
def m001_container_registries(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE container_registries (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, team_id TEXT NOT NULL, name TEXT NOT NULL,
            namespace TEXT NOT NULL, url TEXT NOT NULL, username TEXT NOT NULL, password TEXT NOT NULL, kind TEXT NOT NULL,
            created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, UNIQUE (team_id, name));
        """,
    )


def insert(db: Db, registry_id: str, team_id: str, body: RegistryBody, password: str) -> None:
    """password: as `refs.keep` gave it."""
    now = db.clock.now_ms()
    execute(
        db,
        "INSERT INTO container_registries (id, team_id, name, namespace, url, username, password, kind, created_ms,"
        " modified_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            registry_id, team_id, body.name, body.namespace, body.url, body.username, password, body.kind,
            now, now,
        ),
    )  # fmt: skip


def get(db: Db, registry_id: str) -> Registry:
    found = row(db, f"SELECT {_COLUMNS} FROM container_registries WHERE id = ?", (registry_id,))
    if found is None:
        raise not_found()
    return Registry(**found)


def not_found() -> NotFound:
    """What is said of a registry that does not exist, or belongs to others."""
    return NotFound("no such registry", hint="list those of your team")


def named(db: Db, team_id: str, name: str) -> Registry | None:
    found = row(
        db,
        f"SELECT {_COLUMNS} FROM container_registries WHERE team_id = ? AND name = ?",
        (team_id, name),
    )
    return Registry(**found) if found else None


def of_team(
    db: Db, team_id: str, after: str = "", limit: int = -1, newest_first: bool = True
) -> list[Registry]:
    """Registries behind the one of id `after` ("" = from the start); limit -1: all."""
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    found = rows(
        db,
        f"SELECT {_COLUMNS} FROM container_registries WHERE team_id = ? AND (? = '' OR seq {sign}"
        f" (SELECT seq FROM container_registries WHERE id = ?)) ORDER BY seq {order} LIMIT ?",
        (team_id, after, after, limit),
    )
    return [Registry(**item) for item in found]


def update(db: Db, registry: Registry) -> None:
    """Store all that may change."""
    execute(
        db,
        "UPDATE container_registries SET name = ?, namespace = ?, url = ?, username = ?, password = ?, kind = ?,"
        " modified_ms = ? WHERE id = ?",
        (
            registry.name, registry.namespace, registry.url, registry.username, registry.password,
            registry.kind, db.clock.now_ms(), registry.id,
        ),
    )  # fmt: skip


def delete(db: Db, registry_id: str) -> None:
    execute(db, "DELETE FROM container_registries WHERE id = ?", (registry_id,))
