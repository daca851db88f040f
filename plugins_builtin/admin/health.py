"""How the appliance is doing: what an admin looks at when something seems wrong. For admins only."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from typing import Any

import appliance
from appliance import events
from appliance.access import require_admin
from appliance.context import Context
from appliance.plugins import verdicts
from appliance.runtime import doctor, loops, worker
from appliance.runtime.doctor import Check
from plugins_builtin.admin.specs import HealthReply, LoopReply

LATE_MS = 5 * 60_000  # turns are noted once a minute


def report(ctx: Context) -> HealthReply:
    """Everything but the checks of the host. Cheap."""
    require_admin(ctx)
    disk = shutil.disk_usage(ctx.config.paths.root)
    found = background(ctx)
    parked = events.parked(ctx.db)
    failed = [one.name for one in verdicts.every(ctx.db).values() if one.state == "failed"]
    return HealthReply(
        ok=not parked and not failed and not any(loop.error or loop.late for loop in found),
        version=appliance.__version__, python=platform.python_version(), sqlite=sqlite3.sqlite_version,
        kernel=platform.release(), database_bytes=_database_bytes(ctx), disk_free_bytes=disk.free,
        disk_total_bytes=disk.total, loops=found, parked_events=len(parked), failed_plugins=failed,
    )  # fmt: skip


def background(ctx: Context) -> list[LoopReply]:
    """Every thread that ought to turn, those without a sign of life included."""
    require_admin(ctx)
    every_s = {loop.name: loop.every_s for loop in worker.CORE_LOOPS}
    every_s |= {name: loop.every_s for name, loop in ctx.registry.loops.items()}
    seen = {state.name: state for state in loops.states(ctx.db)}
    names = [*every_s, *(name for name in seen if name.split()[0] == "supervisor")]
    now = ctx.clock.now_ms()
    return [
        LoopReply(
            name=name,
            plugin=ctx.registry.owners.get(("register_loops", name), ""),
            dt_seen=seen[name].seen_ms if name in seen else None,
            error=seen[name].error if name in seen else "",
            late=name not in seen
            or now - seen[name].seen_ms > LATE_MS + 2000 * every_s.get(name, 0),
        )
        for name in names
    ]


def parked(ctx: Context) -> list[dict[str, Any]]:
    """Events that a plugin could not take: {listener, event_id, at_ms, error, name, subject, again}."""
    require_admin(ctx)
    return events.parked(ctx.db)


def host_checks(ctx: Context) -> list[Check]:
    """What `appliance doctor` says without root's rights. Blocks for a second or two."""
    require_admin(ctx)
    return doctor.unprivileged_checks(ctx.config)


def _database_bytes(ctx: Context) -> int:
    folder = ctx.config.paths.database.parent
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file())
