"""What happens by itself: a loop, events, workloads."""

from __future__ import annotations

from lab_widgets import store

from appliance.context import Context
from appliance.db import write
from appliance.events import Event, emit
from appliance.runtime.spec import SpecPatch
from appliance.runtime.workloads import Workload


def count(ctx: Context) -> None:
    """One turn: say how many there are."""
    with write(ctx.db) as db:
        emit(db, "widgets.counted", subject="widgets", count=store.count(db))


def on_event(ctx: Context, event: Event) -> None:
    """A deleted project takes its widgets along."""
    if event.name == "project.deleted":
        with write(ctx.db) as db:
            store.delete_project(db, event.subject)
    if event.name == "project.renamed":
        raise ValueError("widgets hate new names")


def extend_workload(ctx: Context, workload: Workload) -> SpecPatch:
    return SpecPatch(env={"WIDGETS": str(store.count(ctx.db))})
