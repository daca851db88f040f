"""How long a session lives: what will stop it, keeping it, and the turn that stops it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from appliance import settings
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import Conflict
from appliance.events import emit
from appliance.plugins import Setting
from appliance.runtime import activity, workloads
from appliance.runtime.activity import Activity
from appliance.runtime.workloads import Workload
from plugins_builtin.notebooks import shutdown, store
from plugins_builtin.notebooks.shutdown import HOUR_MS, Stop
from plugins_builtin.notebooks.specs import Limits

IDLE_SHUTDOWN = Setting(
    "notebooks.idle_shutdown_h",
    float,
    0.0,
    "Hours without any use after which a notebook stops, where it has no number of its own; 0 = never",
    bounds=(0, 8760),
)
MOST_KEPT_H = 24 * 7


def used(db: Db, session: Workload) -> Activity | None:
    """When it was last used and by what; None when nobody has looked yet, and when it does not run."""
    return activity.get(db, session.id) if session.state == "running" else None


def stop_of(db: Db, session: Workload) -> Stop | None:
    """What will stop it, by what is known now; None for nothing."""
    known = used(db, session)
    if known is None or session.wanted == "stop" or session.started_ms is None:
        return None
    return shutdown.planned(
        store.limits(db, session.id),
        settings.get(db, IDLE_SHUTDOWN),
        session.started_ms,
        known,
        db.clock.now_ms(),
    )


def keep(db: Db, session: Workload, hours: float | None) -> None:
    """Let it go on until what it does is done, or for so many hours beyond its stop. Inside `write`.

    Conflict when it does not run.
    """
    if session.state != "running" or session.wanted == "stop":
        raise Conflict(f"it is {session.state}: there is nothing to keep", hint="start it again")
    now_ms, limits = db.clock.now_ms(), store.limits(db, session.id)
    if hours is None:
        kept = replace(limits, kept_ms=now_ms, warned_ms=None)
    else:
        stop = stop_of(db, session)
        end_ms = min(stop.at_ms if stop else now_ms, now_ms + MOST_KEPT_H * HOUR_MS)
        kept = replace(limits, hold_until_ms=end_ms + round(hours * HOUR_MS), warned_ms=None)
    store.put_limits(db, kept)
    _tell(db, session, "notebook.kept", hours=hours)


def turn(ctx: Context) -> None:
    """Warn of and stop what has to stop; of what nobody watches nothing is known, and it goes on."""
    for session in workloads.live(ctx.db):
        known = used(ctx.db, session) if session.kind == "notebook" else None
        if known is None or not known.watched(ctx.clock.now_ms()):
            continue
        if _action(ctx.db, session) != "none":
            with write(ctx.db) as db:  # again: somebody may have asked to keep it meanwhile
                _act(db, workloads.get(db, session.id))


def _action(db: Db, session: Workload) -> shutdown.Action:
    if session.wanted == "stop" or session.state != "running":
        return "none"
    now_ms = db.clock.now_ms()
    return shutdown.action(stop_of(db, session), store.limits(db, session.id), now_ms)


def _act(db: Db, session: Workload) -> None:
    decided, stop, limits = _action(db, session), stop_of(db, session), store.limits(db, session.id)
    if decided == "stop" and stop is not None:
        workloads.request_stop(db, session.id, f"stopped by itself: {stop.why}")
    elif decided == "warn" and stop is not None:
        store.put_limits(db, replace(limits, warned_ms=db.clock.now_ms()))
        _tell(db, session, "notebook.stopping_soon", at_ms=stop.at_ms, why=stop.why)
    elif decided == "withdraw":
        store.put_limits(db, replace(limits, warned_ms=None))
        _tell(db, session, "notebook.in_use_again")


def _tell(db: Db, session: Workload, name: str, **data: Any) -> None:
    emit(
        db, name, subject=session.owner_id, team_id=session.team_id, project_id=session.project_id,
        workload=session.id, **data,
    )  # fmt: skip


def begin(db: Db, workload_id: str, timeout_h: float, idle_h: float | None) -> None:
    """Note the limits of a session that begins; they hold until it ends. Inside `write`."""
    store.put_limits(db, Limits(workload_id, timeout_h, idle_h))
