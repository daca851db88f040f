"""Which images lie on this machine, as rows: written by the supervisor, which alone may ask the engine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script, write
from appliance.errors import NotFound
from appliance.runtime.backend import LocalImage

migrations = Migrations("local_images")


@migrations()
def m001_local_images(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE local_images (
            id TEXT PRIMARY KEY, refs TEXT NOT NULL, size_bytes INTEGER NOT NULL, created_ms INTEGER NOT NULL,
            used INTEGER NOT NULL, wanted TEXT NOT NULL DEFAULT 'keep', message TEXT NOT NULL DEFAULT '');
        """,
    )


@dataclass(frozen=True)
class Row:
    """An image as last seen. wanted: "remove" once somebody asked; message: why that did not work."""

    image: LocalImage
    wanted: str
    message: str


def all_rows(db: Db) -> list[Row]:
    """Largest first."""
    return [
        _load(item) for item in rows(db, "SELECT * FROM local_images ORDER BY size_bytes DESC, id")
    ]


def _load(found: dict[str, object]) -> Row:
    wanted, message = str(found.pop("wanted")), str(found.pop("message"))
    refs = tuple(json.loads(str(found.pop("refs"))))
    used = bool(found.pop("used"))
    return Row(LocalImage(refs=refs, used=used, **found), wanted, message)  # type: ignore[arg-type]


def by_ref(db: Db) -> dict[str, LocalImage]:
    """Every image by each of its names."""
    return {ref: found.image for found in all_rows(db) for ref in found.image.refs}


def get(db: Db, image_id: str) -> Row:
    found = row(db, "SELECT * FROM local_images WHERE id = ?", (image_id,))
    if found is None:
        raise NotFound("no such image on this machine")
    return _load(found)


def want_removed(db: Db, image_id: str) -> None:
    """Ask for its removal; one that is in use stays. Inside `write`."""
    execute(db, "UPDATE local_images SET wanted = 'remove', message = '' WHERE id = ?", (image_id,))


def refused(db: Db, image_id: str, message: str) -> None:
    """It stays, and why. Inside `write`."""
    execute(
        db, "UPDATE local_images SET wanted = 'keep', message = ? WHERE id = ?", (message, image_id)
    )


def to_remove(db: Db) -> list[LocalImage]:
    return [found.image for found in all_rows(db) if found.wanted == "remove"]


def replace_all(db: Db, seen: Iterable[LocalImage]) -> bool:
    """Make the rows be what was seen; whether that changed anything. A transaction only then."""
    now = {image.id: image for image in seen}
    known = {found.image.id: found.image for found in all_rows(db)}
    if now == known:
        return False
    with write(db):
        gone = json.dumps(list(known.keys() - now.keys()))
        execute(
            db, "DELETE FROM local_images WHERE id IN (SELECT value FROM json_each(?))", (gone,)
        )
        for image in now.values():
            execute(
                db,
                "INSERT INTO local_images (id, refs, size_bytes, created_ms, used) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET refs = excluded.refs, size_bytes = excluded.size_bytes,"
                " used = excluded.used",
                (image.id, json.dumps(image.refs), image.size_bytes, image.created_ms, image.used),
            )
    return True
