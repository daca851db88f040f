"""Notebooks: JupyterLab in a container of its own, with files that stay."""

from __future__ import annotations

from sqlite_utils import Migrations

from appliance.context import Context
from appliance.events import Event
from appliance.plugins import (
    ApiResource,
    Loop,
    Pages,
    Panel,
    PluginInfo,
    Searchable,
    Setting,
    Tab,
    hookimpl,
)
from plugins_builtin.notebooks import api, lifetime, listener, service, store

INFO = PluginInfo("notebooks", title="Notebooks", requires=("projects", "instance_types", "images"))


@hookimpl
def register_migrations() -> list[Migrations]:
    return [store.migrations]


@hookimpl
def register_settings() -> list[Setting]:
    return [lifetime.IDLE_SHUTDOWN]


@hookimpl
def register_loops() -> list[Loop]:
    return [Loop("notebooks.shutdown", 10.0, lifetime.turn)]


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.NOTEBOOKS]


@hookimpl
def register_pages() -> list[Pages]:
    return [
        Pages(
            "plugins_builtin.notebooks.file_pages:blueprint",
            tabs=(Tab("Notebooks", "notebooks.index", order=10),),
        )
    ]


@hookimpl
def register_panels() -> list[Panel]:
    return [Panel("home", "Notebooks", "notebooks.panel", order=10)]


@hookimpl
def register_search() -> list[Searchable]:
    return [Searchable("notebooks", service.search)]


@hookimpl
def on_event(ctx: Context, event: Event) -> None:
    listener.on_event(ctx, event)
