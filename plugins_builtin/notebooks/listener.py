"""A deleted project takes its notebooks with it."""

from __future__ import annotations

from appliance.context import Context
from appliance.events import Event
from plugins_builtin.notebooks import service, store

BATCH = 100


def on_event(ctx: Context, event: Event) -> None:
    """Told at least once: what is deleted already is not found again."""
    if event.name != "project.deleted" or event.team_id is None:
        return
    while found := store.find(ctx.db, project_id=event.subject, limit=BATCH):
        for notebook in found:
            service.remove(ctx, notebook, event.team_id)
