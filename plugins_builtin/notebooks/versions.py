"""Versions: what each session leaves of the files, kept when it ends. To go back to one is to fork it."""

from __future__ import annotations

from appliance import settings
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import NotFound
from appliance.events import Event
from appliance.runtime import tasks, workloads
from appliance.runtime.limits import VERSION_MIB, VERSIONS_KEPT
from plugins_builtin.notebooks import service, store
from plugins_builtin.notebooks.specs import Notebook, Version


def versions(ctx: Context, notebook_id: str) -> list[Version]:
    """What is kept of a notebook's sessions, newest first."""
    notebook, _ = service.required(ctx, "notebooks.versions", notebook_id)
    return store.versions(ctx.db, notebook.id)


def newest_ready(ctx: Context, notebook: Notebook) -> Version | None:
    """What the newest session that ended left; whoever asks has been checked."""
    found = store.versions(ctx.db, notebook.id)
    return next((version for version in found if version.state == "ready"), None)


def keep(ctx: Context, session_id: str) -> None:
    """Copy what an ended session leaves. Repeatable; nothing happens when it never ran or its notebook is gone."""
    session = workloads.get(ctx.db, session_id)
    if session.started_ms is None or not settings.get(ctx.db, VERSIONS_KEPT):
        return
    most_mib = settings.get(ctx.db, VERSION_MIB)
    with write(ctx.db) as db:
        try:
            notebook = store.get(db, session.owner_id)
        except NotFound:
            return
        if store.add_version(db, notebook.id, session.id):
            tasks.add(
                db, "files.copy", team_id=session.team_id, area="versions", name=session.id,
                from_team=session.team_id, from_area="notebooks", from_name=notebook.id,
                most_mib=most_mib, rules=True,
            )  # fmt: skip


def copied(ctx: Context, event: Event) -> None:
    """A copy for us has ended, well or badly: of a version, or of a fork's files. Repeatable.

    What it was made for may have been deleted meanwhile; then the copy goes, too.
    """
    with write(ctx.db) as db:
        good = event.name == "files.copied"
        message = event.data.get("message", "")
        if event.data["area"] == "versions":
            known = store.end_version(
                db, event.subject, "ready" if good else "failed", message,
                event.data.get("files", 0), event.data.get("size_bytes", 0),
            )  # fmt: skip
        else:
            known = store.set_files(db, event.subject, "" if good else "failed", message)
        if not known:
            _remove(db, event.team_id, event.data["area"], event.subject)
        elif event.data["area"] == "versions":
            _prune(db, event)


def _prune(db: Db, event: Event) -> None:
    """Forget the oldest; a later turn does while one of them is being forked."""
    version = store.version_of_session(db, event.subject)
    if version is None or store.is_being_forked(db, version.notebook_id):
        return
    for old in store.versions(db, version.notebook_id)[settings.get(db, VERSIONS_KEPT) :]:
        store.drop_version(db, old.session_id)
        _remove(db, event.team_id, "versions", old.session_id)


def _remove(db: Db, team_id: str | None, area: str, name: str) -> None:
    tasks.add(db, "files.remove_area", team_id=team_id, area=area, name=name)
