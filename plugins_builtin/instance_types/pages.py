"""The Cluster page: sizes, who has what, who waits and why."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from appliance import identity, settings
from appliance.access import require_admin, require_user
from appliance.context import Context
from appliance.errors import ApplianceError
from appliance.runtime import capacity, workloads
from appliance.runtime.limits import CPU_OVERCOMMIT
from appliance.runtime.scheduler import Capacity, Lease
from appliance.runtime.workloads import Workload
from appliance.web.pages import context, done, fragment, page
from appliance.web.status import status_of
from plugins_builtin.instance_types import service


def blueprint() -> Blueprint:
    pages = Blueprint("instance_types", __name__, template_folder="templates")
    pages.add_url_rule("/cluster", "cluster", cluster)
    pages.add_url_rule("/cluster/panel", "panel", panel)
    pages.add_url_rule("/cluster/gauge", "gauge", gauge)
    pages.add_url_rule("/admin/machine-types", "names", machine_types)
    pages.add_url_rule("/admin/machine-types", "map_name", map_name, methods=["POST"])
    pages.add_url_rule("/admin/machine-types/reset", "unmap_name", unmap_name, methods=["POST"])
    return pages


def cluster() -> str:
    """The whole page."""
    ctx = context()
    require_user(ctx)
    live = workloads.live(ctx.db)
    leases, total = workloads.leases(ctx.db), _total(ctx)
    return page(
        "instance_types/list.html",
        "Cluster",
        capacity=_meters(leases, total),
        types=[_type(kind, leases, total) for kind in ctx.registry.instance_types.values()],
        leases=[_shown(ctx, item) for item in live if item.state != "pending"],
        queue=[_shown(ctx, item) for item in live if item.state == "pending"],
    )


def panel() -> str:
    """The box on the home page."""
    ctx = context()
    require_user(ctx)
    waiting = sum(item.state == "pending" for item in workloads.live(ctx.db))
    meters = _meters(workloads.leases(ctx.db), _total(ctx))
    return fragment("instance_types/_panel.html", capacity=meters, waiting=waiting)


def gauge() -> str:
    """The line in the top bar: how many run, how many wait."""
    ctx = context()
    require_user(ctx)
    live = workloads.live(ctx.db)
    waiting = sum(item.state == "pending" for item in live)
    return fragment("instance_types/_gauge.html", running=len(live) - waiting, waiting=waiting)


def _total(ctx: Context) -> Capacity:
    return capacity.measure(settings.get(ctx.db, CPU_OVERCOMMIT))


def _meters(leases: list[Lease], total: Capacity) -> list[dict[str, Any]]:
    cpu = sum(lease.cpu_milli for lease in leases) / 1000
    memory = sum(lease.memory_mib for lease in leases) / 1024
    cores, gib = total.cpu_milli / 1000, total.memory_mib / 1024
    return [
        {"title": "CPU", "used": cpu, "total": cores, "text": f"{cpu:g} of {cores:g} in use"},
        {
            "title": "Memory",
            "used": memory,
            "total": gib,
            "text": f"{memory:.1f} of {gib:.1f} GiB in use",
        },
    ]


def _type(kind: Any, leases: list[Lease], total: Capacity) -> dict[str, Any]:
    cpu = total.cpu_milli - sum(lease.cpu_milli for lease in leases)
    memory = total.memory_mib - sum(lease.memory_mib for lease in leases)
    return {
        "name": kind.name,
        "cpus": f"{kind.cpu_milli / 1000:g}",
        "memory_mib": kind.memory_mib,
        "gpus": kind.gpus,
        "free": max(min(cpu // kind.cpu_milli, memory // kind.memory_mib), 0),
    }


def _shown(ctx: Context, item: Workload) -> dict[str, Any]:
    """A workload as others may see it: names of other teams' things stay theirs."""
    mine = identity.role_in(ctx.db, item.team_id, ctx.principal.user_id) is not None
    return {
        "name": item.label if mine else f"a {item.kind}",
        "url": f"/{item.kind}s/{item.owner_id}" if mine else "",
        "owner": identity.user_by_id(ctx.db, item.user_id).handle,
        "team_name": identity.team_by_id(ctx.db, item.team_id).name,
        "instance_type": item.spec.instance_type,
        "since_ms": item.created_ms,
        "position": item.wait_position,
        "reason": item.wait_reason,
    }


def machine_types() -> str:
    """What names of Gradient's are here, for admins to change."""
    return _machine_types({"name": "", "instance_type": ""}, {})


def _machine_types(values: dict[str, str], errors: dict[str, str]) -> str:
    ctx = context()
    require_admin(ctx)
    return page(
        "instance_types/names.html",
        "Machine types",
        live=False,
        names=service.machine_types(ctx),
        types=list(ctx.registry.instance_types),
        values=values,
        errors=errors,
    )


def map_name() -> Any:
    """Let a name stand for a type."""
    values = {key: request.form.get(key, "").strip() for key in ("name", "instance_type")}
    try:
        service.map_name(context(), values["name"], values["instance_type"])
    except ApplianceError as error:
        return _machine_types(values, {"name": str(error)}), status_of(error)
    return done("/admin/machine-types", "Saved.")


def unmap_name() -> Any:
    """Back to what it stands for by itself."""
    service.unmap_name(context(), request.form.get("name", ""))
    return done("/admin/machine-types", "Saved.")
