"""Instance types for CPU, generated from the machine; the Cluster page."""

from __future__ import annotations

from sqlite_utils import Migrations

from appliance.plugins import (
    ApiResource,
    InstanceType,
    NavItem,
    Pages,
    Panel,
    PluginInfo,
    Setting,
    hookimpl,
)
from appliance.runtime import capacity
from appliance.runtime.limits import CPU_OVERCOMMIT
from plugins_builtin.instance_types import api, service, store

INFO = PluginInfo("instance_types", title="Instance types")


@hookimpl
def register_migrations() -> list[Migrations]:
    return [store.migrations]


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.MACHINE_TYPES]


@hookimpl
def register_instance_types() -> list[InstanceType]:
    return service.generate(capacity.measure())


@hookimpl
def register_settings() -> list[Setting]:
    return [CPU_OVERCOMMIT]


@hookimpl
def register_pages() -> list[Pages]:
    return [
        Pages(
            "plugins_builtin.instance_types.pages:blueprint",
            nav=(
                NavItem("Cluster", "instance_types.cluster", "server-2", order=70),
                NavItem("Machine types", "instance_types.names", "server", order=110, admin=True),
            ),
        )
    ]


@hookimpl
def register_panels() -> list[Panel]:
    return [
        Panel("home", "This machine", "instance_types.panel", order=20),
        Panel("gauge", "In use", "instance_types.gauge"),
    ]
