"""A deleted project takes its notebooks with it; an ended session leaves a version of the files."""

from __future__ import annotations

from appliance.context import Context
from appliance.db import write
from appliance.events import Event
from appliance.runtime import states, workloads
from plugins_builtin.notebooks import service, store, versions

BATCH = 100
ENDED = frozenset(f"notebook.{state}" for state in states.ENDED)


def on_event(ctx: Context, event: Event) -> None:
    """Told at least once, so everything here is repeatable."""
    if event.name == "project.deleted" and event.team_id is not None:
        _delete_all(ctx, event)
    elif event.name in ENDED:
        versions.keep(ctx, event.data["workload"])
    elif event.name in ("files.copied", "files.not_copied"):
        versions.copied(ctx, event)


def _delete_all(ctx: Context, event: Event) -> None:
    assert event.team_id is not None
    while found := store.find(ctx.db, project_id=event.subject, limit=BATCH):
        for notebook in found:
            session = workloads.latest(ctx.db, [notebook.id]).get(notebook.id)
            if session is not None and session.live:  # started in the very moment of the deletion
                with write(ctx.db) as db:
                    workloads.request_stop(db, session.id, "its project was deleted")
            service.remove(
                ctx, notebook, event.team_id
            )  # Conflict until it has stopped: told again later
