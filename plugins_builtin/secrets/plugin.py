"""Secrets: values that programs get and nobody sees again."""

from __future__ import annotations

import click
from sqlite_utils import Migrations

from appliance.context import Context
from appliance.events import Event
from appliance.plugins import (
    ApiResource,
    Loop,
    NavItem,
    Pages,
    PluginInfo,
    RefKind,
    Tab,
    hookimpl,
)
from plugins_builtin.secrets import api, commands, listener, service, store

INFO = PluginInfo("secrets", title="Secrets", requires=("projects",))


@hookimpl
def register_migrations() -> list[Migrations]:
    return [store.migrations]


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.SECRETS]


@hookimpl
def register_ref_kinds() -> list[RefKind]:
    return [RefKind("secret", service.resolve)]


@hookimpl
def register_pages() -> list[Pages]:
    nav = NavItem("Secrets", "secrets.index", "lock", order=82)
    return [
        Pages(
            "plugins_builtin.secrets.pages:blueprint",
            nav=(nav,),
            tabs=(Tab("Secrets", "secrets.project", order=80),),
        )
    ]


@hookimpl
def register_commands() -> list[click.Command]:
    return [commands.secrets]


@hookimpl
def register_loops() -> list[Loop]:
    return [Loop("secrets", 3600, service.prune)]


@hookimpl
def on_event(ctx: Context, event: Event) -> None:
    listener.on_event(ctx, event)
