"""A deleted project takes its secrets with it."""

from __future__ import annotations

from appliance.context import Context
from appliance.events import Event
from plugins_builtin.secrets import service


def on_event(ctx: Context, event: Event) -> None:
    if event.name == "project.deleted":
        service.forget_project(ctx, event.subject)
