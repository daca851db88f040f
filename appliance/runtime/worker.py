"""The worker: everything that plugins do in the background, in an unprivileged process.

Three jobs: let plugins extend queued workloads, deliver events, run loops. Each loop has a thread of its own, so one that
hangs stops nobody else; how each is doing is in the database for the health page.
"""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import threading
import time

from appliance import events, gate, vault
from appliance.access import NOBODY
from appliance.boot import Appliance
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import ApplianceError, Invalid, PluginError, TryAgain
from appliance.plugins.contracts import Loop
from appliance.runtime import (
    activity,
    hidden,
    holders,
    loops,
    notify,
    plugincheck,
    renew,
    tasks,
    wake,
    workloads,
)
from appliance.runtime.spec import SpecPatch, WorkloadSpec
from appliance.runtime.workloads import Workload

log = logging.getLogger(__name__)

TURN_S = 1.0
PRUNE_EVERY_S = 600.0
PLUGINS_EVERY_S = 5.0
_LOGIN = "the registry login"


def finalize_all(ctx: Context) -> None:
    """Let plugins extend what was queued, and look up what it refers to.

    A veto, a failing plugin or a reference to nothing ends the workload with the reason.
    """
    for workload in workloads.unfinal(ctx.db):
        try:
            spec = extended(ctx, workload)
            found = hidden.look_up(ctx, workload, spec)
        except PluginError as error:
            log.exception("extend_workload failed for %s", workload.id)
            _refuse(ctx.db, workload, "PluginFailed", str(error))
        except ApplianceError as error:
            _refuse(ctx.db, workload, "Refused", str(error))
        else:
            with write(ctx.db) as db:
                final = hidden.seal(db, ctx.keys, workload.id, spec, found)
                workloads.finalize(db, workload.id, final)


def extended(ctx: Context, workload: Workload) -> WorkloadSpec:
    """The spec with what plugins add; adding what is there already is an error that names both."""
    spec, origin = workload.spec, {f"env {name}": "the request" for name in workload.spec.env}
    origin.update({f"mount {mount.target}": "the request" for mount in spec.mounts})
    origin.update({_LOGIN: "the request"} if spec.login else {})
    for plugin, patch in ctx.registry.extensions(ctx, workload):
        _claim(origin, plugin, patch)
        spec = spec.model_copy(
            update={
                "env": {**spec.env, **patch.env},
                "mounts": (*spec.mounts, *patch.mounts),
                "login": patch.login or spec.login,
            }
        )
    return spec


def _claim(origin: dict[str, str], plugin: str, patch: SpecPatch) -> None:
    keys = [f"env {name}" for name in patch.env] + [
        f"mount {mount.target}" for mount in patch.mounts
    ]
    keys += [_LOGIN] if patch.login else []
    for key in keys:
        if key in origin:
            raise Invalid(f"{key} comes from {origin[key]} and from the plugin {plugin}")
        origin[key] = f"the plugin {plugin}"


def _refuse(db: Db, workload: Workload, reason: str, message: str) -> None:
    with write(db):
        workloads.end(db, workload.id, "error", reason, message)


def deliver_events(ctx: Context) -> int:
    """Tell every plugin that listens what happened; returns the number of deliveries."""
    listeners = [
        (name, lambda event, name=name: ctx.registry.tell(name, ctx, event))
        for name in ctx.registry.listeners()
    ]
    return events.deliver(ctx.db, listeners)


def review_connections(ctx: Context) -> None:
    """Mark the WebSockets whose holder may not enter any more; the supervisor closes them."""
    for connection in holders.all_connections(ctx.db):
        if not connection.closing and not _still_admitted(ctx, connection):
            with write(ctx.db):
                holders.mark_closing(ctx.db, connection)


def _still_admitted(ctx: Context, connection: holders.Connection) -> bool:
    principal = gate.by_credential(ctx.db, connection.credential)
    if principal is NOBODY:
        return False
    try:
        gate.admit(ctx.acting_as(principal), gate.Service(connection.kind, connection.target))
    except ApplianceError:
        return False
    return True


def prune(ctx: Context) -> None:
    """Forget what nobody needs any more."""
    events.prune(ctx.db)
    tasks.prune(ctx.db)
    activity.prune(ctx.db)
    with write(ctx.db) as db:
        vault.prune(db)
    hidden.forget_ended(ctx)


CORE_LOOPS = (
    Loop("connections", 1.0, review_connections),
    Loop("prune", PRUNE_EVERY_S, prune),
    Loop("plugins", PLUGINS_EVERY_S, plugincheck.turn),
)


def run_loop(appliance: Appliance, loop: Loop) -> None:
    """Turn for ever. A failing turn is noted and tried again at the next."""
    noted = None
    while True:
        try:
            ctx = appliance.context()
            noted = loops.note(ctx.db, loop.name, _turned(ctx, loop), noted)
        except (
            sqlite3.Error
        ) as error:  # the database is busy or the disk full: the next turn may work
            log.warning("loop %s: %s", loop.name, error)
        time.sleep(loop.every_s)


def _turned(ctx: Context, loop: Loop) -> str:
    """One turn; what went wrong, or ""."""
    try:
        loop.run(ctx)
    except TryAgain:
        pass
    except Exception as failure:  # a plugin's code may raise anything; the next turn may work
        log.exception("loop %s failed", loop.name)
        return f"{type(failure).__name__}: {failure}"[:2000]
    return ""


def turn(ctx: Context) -> None:
    """What every wake-up is for."""
    finalize_all(ctx)
    deliver_events(ctx)


def main(appliance: Appliance, plugins_stamp: int) -> None:
    """Run until killed, or until other plugins are to run. plugins_stamp: `renew.stamp` from before they were loaded."""
    renew.follow(
        appliance.config.paths, plugins_stamp, lambda: os.kill(os.getpid(), signal.SIGTERM)
    )
    news = threading.Event()
    wake.watch(appliance.config.paths.wake, news)
    for loop in (*CORE_LOOPS, *appliance.registry.loops.values()):
        threading.Thread(
            target=run_loop, args=(appliance, loop), name=loop.name, daemon=True
        ).start()
    notify.ready()
    while True:
        news.clear()
        ctx = appliance.context()
        try:
            turn(ctx)
        except (
            Exception
        ):  # the database may be busy for once; the work is still there at the next turn
            log.exception("the worker's turn failed")
        news.wait(TURN_S)
