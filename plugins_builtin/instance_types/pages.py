"""The Cluster page: sizes, who has what, who waits and why."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from appliance import settings
from appliance.access import require_user
from appliance.runtime import capacity, workloads
from appliance.runtime.limits import CPU_OVERCOMMIT
from appliance.web.pages import context, fragment, page


def blueprint() -> Blueprint:
    pages = Blueprint("instance_types", __name__, template_folder="templates")
    pages.add_url_rule("/cluster", "cluster", cluster)
    pages.add_url_rule("/cluster/panel", "panel", panel)
    return pages


def _values() -> dict[str, Any]:
    ctx = context()
    require_user(ctx)
    total = capacity.measure(settings.get(ctx.db, CPU_OVERCOMMIT))
    leases = workloads.leases(ctx.db)
    waiting = [w for w in workloads.live(ctx.db) if w.state == "pending"]
    return {
        "types": list(ctx.registry.instance_types.values()),
        "leases": leases,
        "waiting": waiting,
        "total": total,
        "used_cpu_milli": sum(lease.cpu_milli for lease in leases),
        "used_memory_mib": sum(lease.memory_mib for lease in leases),
    }


def cluster() -> str:
    """The whole page."""
    return page("instance_types/list.html", "Cluster", **_values())


def panel() -> str:
    """The box on the home page."""
    return fragment("instance_types/_panel.html", **_values())
