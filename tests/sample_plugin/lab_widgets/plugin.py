"""Widgets of a project: every hook once."""

from __future__ import annotations

import click
from lab_widgets import api, background, more, pages, service, settings, store
from sqlite_utils import Migrations

from appliance.context import Context
from appliance.events import Event
from appliance.plugins import (
    ApiResource,
    AuthProvider,
    Image,
    InstanceType,
    Loop,
    NavItem,
    Pages,
    Panel,
    PluginInfo,
    RefKind,
    Searchable,
    Setting,
    SetupStep,
    Tab,
    hookimpl,
)
from appliance.runtime.spec import SpecPatch
from appliance.runtime.workloads import Workload

INFO = PluginInfo("widgets", title="Widgets", requires=("projects",))


@hookimpl
def register_migrations() -> list[Migrations]:
    return [store.migrations]


@hookimpl
def register_settings() -> list[Setting]:
    return [settings.MOST]


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.WIDGETS]


@hookimpl
def register_pages() -> list[Pages]:
    nav = (
        NavItem("Widgets", "widgets.about", "box", order=60),
        NavItem("Old widgets", "widgets.old", "box", order=61),  # a page that is gone
    )
    return [Pages(pages.blueprint, nav=nav, tabs=(Tab("Widgets", "widgets.tab", order=50),))]


@hookimpl
def register_panels() -> list[Panel]:
    return [Panel("home", "Widgets", "widgets.panel")]


@hookimpl
def register_commands() -> list[click.Command]:
    return [more.count_widgets]


@hookimpl
def register_instance_types() -> list[InstanceType]:
    return [InstanceType("W1", cpu_milli=500, memory_mib=256)]


@hookimpl
def register_images() -> list[Image]:
    return [
        Image("widget", "Widget", "What widgets run in.", ("notebook",), ref="example.org/widget:1")
    ]


@hookimpl
def register_auth_providers() -> list[AuthProvider]:
    return [AuthProvider("badge", "Sign in with your badge", more.begin, more.finish)]


@hookimpl
def register_loops() -> list[Loop]:
    return [Loop("count widgets", 60, background.count)]


@hookimpl
def register_setup() -> list[SetupStep]:
    return [SetupStep("widgets", more.set_up)]


@hookimpl
def register_ref_kinds() -> list[RefKind]:
    return [RefKind("widget", more.resolve)]


@hookimpl
def register_search() -> list[Searchable]:
    return [Searchable("widgets", service.search)]


@hookimpl
def on_event(ctx: Context, event: Event) -> None:
    background.on_event(ctx, event)


@hookimpl
def extend_workload(ctx: Context, workload: Workload) -> SpecPatch:
    return background.extend_workload(ctx, workload)
