"""The supervisor's look at what runs: what it notes, and what it says."""

from __future__ import annotations

from appliance import events
from appliance.runtime import activity, worker
from appliance.runtime.activity import MINUTE_MS
from appliance.runtime.watching import Measured, _cores, explain
from tests.lab import Lab, Person


def test_use_is_noted_with_its_reason(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    lab.watch()
    workload = lab.workload(notebook).id
    started = activity.of(lab.db, [workload])[workload]
    assert started.why == "its start"
    lab.live(0.5)
    assert activity.of(lab.db, [workload])[workload].last_used_ms == started.last_used_ms
    lab.live(0.1, used_by="a busy kernel")
    found = activity.of(lab.db, [workload])[workload]
    assert found.why == "a busy kernel" and found.in_use(lab.clock.now_ms())
    lab.live(0.1)
    assert activity.of(lab.db, [workload])[workload].last_used_ms == found.last_used_ms


def test_what_nobody_looks_at_any_more_is_forgotten(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    lab.watch()
    workload = lab.workload(notebook).id
    worker.prune(lab.system)
    assert activity.get(lab.db, workload) is not None
    ann.act(notebook, "stop")
    lab.settle()
    worker.prune(lab.system)
    assert activity.get(lab.db, workload) is None


def test_a_look_that_finds_nothing_new_writes_nothing(lab: Lab, ann: Person) -> None:
    ann.notebook()
    lab.settle()
    lab.watch()
    before = lab.db.conn.total_changes
    lab.watch()
    assert lab.db.conn.total_changes == before
    lab.clock.advance(MINUTE_MS / 1000)
    lab.watch()
    assert lab.db.conn.total_changes == before + 1


def test_a_kernel_killed_for_memory_is_told(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    lab.watch()
    lab.backend.kill_inside(lab.container(notebook))
    head = events.head(lab.db)
    lab.watching.turn()
    lab.watch()
    told = [event for event in events.after(lab.db, head) if event.name == "notebook.memory_killed"]
    assert len(told) == 1 and told[0].subject == notebook.id and told[0].data["limit_mib"] == 4096
    assert ann.get(notebook).state == "Running"
    assert "killed for memory at 4.0 of 4.0 GiB" in ann.session(notebook).message
    lab.restart()  # what was told is not told again
    lab.watch()
    assert len([e for e in events.after(lab.db, head) if e.name == "notebook.memory_killed"]) == 1
    lab.backend.kill_inside(lab.container(notebook))
    lab.watch()
    assert (
        activity.of(lab.db, [lab.workload(notebook).id])[lab.workload(notebook).id].memory_kills
        == 2
    )


def test_the_numbers() -> None:
    assert "at 3.9 of 4.0 GiB: use a larger instance type" in explain(int(3.9 * (1 << 30)), 4096)
    assert "at 0.5 of 0.5 GiB" in explain(0, 512)


def test_cores() -> None:
    first, later = Measured(0, 0, 0), Measured(10_000, 10_000, 5_000_000_000)
    assert _cores(first, later) == 0.5 and _cores(None, later) == 0 and _cores(later, first) == 0
