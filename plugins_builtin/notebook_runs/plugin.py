"""Notebooks run as jobs: from top to bottom, the result kept beside the file."""

from __future__ import annotations

from sqlite_utils import Migrations

from appliance.context import Context
from appliance.events import Event
from appliance.plugins import ApiResource, Pages, PluginInfo, hookimpl
from plugins_builtin.notebook_runs import api, listener, store

INFO = PluginInfo("notebook_runs", title="Runs of notebooks", requires=("notebooks",))


@hookimpl
def register_migrations() -> list[Migrations]:
    return [store.migrations]


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.NOTEBOOK_RUNS]


@hookimpl
def register_pages() -> list[Pages]:
    return [Pages("plugins_builtin.notebook_runs.pages:blueprint")]


@hookimpl
def on_event(ctx: Context, event: Event) -> None:
    listener.on_event(ctx, event)
