"""Container registries: sign-ins that images are pulled with."""

from __future__ import annotations

from sqlite_utils import Migrations

from appliance.context import Context
from appliance.plugins import ApiResource, NavItem, Pages, PluginInfo, Setting, hookimpl
from appliance.runtime.spec import SpecPatch
from appliance.runtime.workloads import Workload
from plugins_builtin.container_registries import api, service, specs, store

INFO = PluginInfo("container_registries", title="Container registries")


@hookimpl
def register_migrations() -> list[Migrations]:
    return [store.migrations]


@hookimpl
def register_settings() -> list[Setting]:
    return [specs.LOOPBACK]


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.REGISTRIES]


@hookimpl
def register_pages() -> list[Pages]:
    nav = NavItem("Registries", "container_registries.index", "box", order=84)
    return [Pages("plugins_builtin.container_registries.pages:blueprint", nav=(nav,))]


@hookimpl
def extend_workload(ctx: Context, workload: Workload) -> SpecPatch | None:
    return service.login_for(ctx, workload)
