"""Builds of images as rows: asked for by web and supervisor, done by the supervisor. All SQL of the table is here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound
from appliance.events import emit
from appliance.ids import new_id

Kind = Literal["recipe", "containerfile", "pull", "commit"]
LIVE = ("queued", "building")
KEEP = 10  # per image
OWN = "localhost/appliance/own"  # repositories of images that teams make
MESSAGE_CHARACTERS = 4000

migrations = Migrations("builds")


@migrations()
def m001_builds(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE builds (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, image TEXT NOT NULL, kind TEXT NOT NULL,
            ref TEXT NOT NULL, source TEXT NOT NULL, team_id TEXT NOT NULL, user_id TEXT NOT NULL,
            state TEXT NOT NULL, wanted TEXT NOT NULL DEFAULT 'run', step TEXT NOT NULL DEFAULT '',
            message TEXT NOT NULL DEFAULT '', created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER);
        CREATE INDEX builds_by_ref ON builds (ref, seq);
        CREATE INDEX builds_by_image ON builds (image, seq);
        CREATE INDEX builds_live ON builds (seq) WHERE ended_ms IS NULL;
        """,
    )


@dataclass(frozen=True)
class Build:
    """One try to make an image.

    image: a name of the catalogue, or the id of a team's own. ref: what it will be called on this machine.
    source: by kind: "" or "fresh" for a recipe, the text of a Containerfile, the reference to pull, or the workload
    whose container is saved. team_id: who asked; a recipe's image is everybody's. step: what it does now, for people.
    message: why it failed, or what a saved environment has more than its image.
    """

    seq: int
    id: str
    image: str
    kind: Kind
    ref: str
    source: str
    team_id: str
    user_id: str
    state: str
    wanted: str
    step: str
    message: str
    created_ms: int
    started_ms: int | None
    ended_ms: int | None

    @property
    def live(self) -> bool:
        return self.state in LIVE


def submit(
    db: Db, *, image: str, kind: Kind, ref: str, source: str = "", team_id: str, user_id: str
) -> str:
    """Queue a build; the id of the one that is on its way already, if there is one. Call inside `write`."""
    now = newest(db, ref)
    if now is not None and now.live and now.wanted == "run":
        return now.id
    build_id = new_id("b")
    execute(
        db,
        "INSERT INTO builds (id, image, kind, ref, source, team_id, user_id, state, created_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?)",
        (build_id, image, kind, ref, source, team_id, user_id, db.clock.now_ms()),
    )
    _tell(db, get(db, build_id))
    return build_id


def get(db: Db, build_id: str) -> Build:
    found = find(db, build_id)
    if found is None:
        raise NotFound("no such build")
    return found


def find(db: Db, build_id: str) -> Build | None:
    found = row(db, "SELECT * FROM builds WHERE id = ?", (build_id,))
    return Build(**found) if found else None


def newest(db: Db, ref: str) -> Build | None:
    """The newest build of what is called so, if there ever was one."""
    found = row(db, "SELECT * FROM builds WHERE ref = ? ORDER BY seq DESC LIMIT 1", (ref,))
    return Build(**found) if found else None


def newest_of(db: Db, images: Iterable[str]) -> dict[str, Build]:
    """The newest build of each image that has one."""
    found = rows(
        db,
        "SELECT b.* FROM builds b JOIN (SELECT max(seq) AS seq FROM builds"
        " WHERE image IN (SELECT value FROM json_each(?)) GROUP BY image) n ON n.seq = b.seq",
        (json.dumps(list(images)),),
    )
    return {item["image"]: Build(**item) for item in found}


def history(db: Db, image: str) -> list[Build]:
    """All builds of an image that are kept, newest first."""
    found = rows(db, "SELECT * FROM builds WHERE image = ? ORDER BY seq DESC", (image,))
    return [Build(**item) for item in found]


def live(db: Db) -> list[Build]:
    """All that wait or run, oldest first."""
    return [
        Build(**item)
        for item in rows(db, "SELECT * FROM builds WHERE ended_ms IS NULL ORDER BY seq")
    ]


def request_cancel(db: Db, build_id: str) -> None:
    """Wish its end; one that waits ends at once. Repeatable. Call inside `write`."""
    execute(
        db, "UPDATE builds SET wanted = 'cancel' WHERE id = ? AND ended_ms IS NULL", (build_id,)
    )
    if get(db, build_id).state == "queued":
        end(db, build_id, "canceled", "canceled while it waited")


def start(db: Db, build_id: str) -> bool:
    """It runs now; False when it no longer waits. Inside `write`."""
    changed = execute(
        db,
        "UPDATE builds SET state = 'building', started_ms = ? WHERE id = ? AND state = 'queued'",
        (db.clock.now_ms(), build_id),
    )
    if changed:
        _tell(db, get(db, build_id))
    return bool(changed)


def requeue(db: Db, build_id: str) -> None:
    """Whoever built it is gone: it waits again. Inside `write`."""
    execute(
        db, "UPDATE builds SET state = 'queued', step = '' WHERE id = ? AND state = 'building'",
        (build_id,),
    )  # fmt: skip


def note(db: Db, build_id: str, step: str) -> None:
    """Say what it does now. Inside `write`."""
    if execute(
        db, "UPDATE builds SET step = ? WHERE id = ? AND step <> ?", (step[:200], build_id, step[:200])
    ):  # fmt: skip
        _tell(db, get(db, build_id))


def end(db: Db, build_id: str, state: str, message: str) -> list[str]:
    """Record how it ended; the ids of older builds that are forgotten now, whose logs may go. Inside `write`."""
    execute(
        db,
        "UPDATE builds SET state = ?, message = ?, step = '', ended_ms = ? WHERE id = ? AND ended_ms IS NULL",
        (state, message[-MESSAGE_CHARACTERS:], db.clock.now_ms(), build_id),
    )
    build = get(db, build_id)
    _tell(db, build)
    old = [item.id for item in history(db, build.image)[KEEP:] if not item.live]
    execute(
        db, "DELETE FROM builds WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(old),)
    )
    return old


def _tell(db: Db, build: Build) -> None:
    emit(
        db, f"image.{build.state}", subject=build.image, team_id=build.team_id or None,
        actor=build.user_id or None, build=build.id,
    )  # fmt: skip
