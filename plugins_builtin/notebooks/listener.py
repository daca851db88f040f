"""A deleted project takes its notebooks with it."""

from __future__ import annotations

from appliance.context import Context
from appliance.db import write
from appliance.events import Event
from appliance.runtime import workloads
from plugins_builtin.notebooks import service, store

BATCH = 100


def on_event(ctx: Context, event: Event) -> None:
    """Told at least once: what is deleted already is not found again."""
    if event.name != "project.deleted" or event.team_id is None:
        return
    while found := store.find(ctx.db, project_id=event.subject, limit=BATCH):
        for notebook in found:
            session = workloads.latest(ctx.db, [notebook.id]).get(notebook.id)
            if session is not None and session.live:  # started in the very moment of the deletion
                with write(ctx.db) as db:
                    workloads.request_stop(db, session.id, "its project was deleted")
            service.remove(
                ctx, notebook, event.team_id
            )  # Conflict until it has stopped: told again later
