"""Persistent storage: `/storage`, shared by all members of a team, not versioned."""

from __future__ import annotations

from appliance.context import Context
from appliance.plugins import PluginInfo, Setting, hookimpl
from appliance.runtime.limits import DISK_RESERVE
from appliance.runtime.spec import SpecPatch
from appliance.runtime.workloads import Workload
from plugins_builtin.storage import service

INFO = PluginInfo("storage", title="Persistent storage")


@hookimpl
def register_settings() -> list[Setting]:
    return [DISK_RESERVE]


@hookimpl
def extend_workload(ctx: Context, workload: Workload) -> SpecPatch | None:
    return service.mount_for(workload)
