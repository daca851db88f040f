"""A deleted notebook takes its runs with it."""

from __future__ import annotations

from appliance.context import Context
from appliance.events import Event
from plugins_builtin.notebook_runs import service


def on_event(ctx: Context, event: Event) -> None:
    if event.name == "notebook.deleted":
        service.forget(ctx, event.subject)
