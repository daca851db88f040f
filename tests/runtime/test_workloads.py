"""Workloads as rows: one life at a time, and nothing held after the end."""

from __future__ import annotations

from typing import Any

import pytest

from appliance import events
from appliance.db import write
from appliance.errors import Conflict, NotFound
from appliance.runtime import workloads
from appliance.runtime.scheduler import Lease, Wait
from appliance.runtime.spec import Resources, Route, WorkloadSpec
from tests.lab import Lab

SPEC = WorkloadSpec(
    kind="notebook",
    image="localhost/base:1",
    instance_type="C1",
    resources=Resources(cpu_milli=1000, memory_mib=512),
    route=Route(kind="n", target="nabcdefgh", ready_path="/api", permission="notebooks.open"),
)


def submit(lab: Lab, owner: str = "nabcdefgh", **spec: Any) -> str:
    """Put one into the queue; its id."""
    given = SPEC.model_copy(update=spec)
    user, team = lab.user("ann").id, lab.team("lab").id
    with write(lab.db) as db:
        return workloads.submit(
            db, given, owner_id=owner, project_id="p", team_id=team, user_id=user, label=owner
        )


def start(lab: Lab, workload_id: str, *devices: str) -> None:
    """As the supervisor brings it to run."""
    with write(lab.db) as db:
        workloads.finalize(db, workload_id, SPEC)
        assert workloads.grant(db, Lease(workload_id, 1000, 512, devices), "boot")
        assert workloads.move(db, workload_id, "starting")
        assert workloads.move(db, workload_id, "running")
        workloads.open_route(db, workloads.get(db, workload_id), "unix:/s:")


def names(lab: Lab) -> list[str]:
    return [event.name for event in events.after(lab.db, 0)]


def test_one_at_a_time(lab: Lab) -> None:
    first = submit(lab)
    with pytest.raises(Conflict, match="running or waiting already"):
        submit(lab)
    submit(lab, "nother")
    with write(lab.db) as db:
        workloads.end(db, first, "stopped", "Stopped", "")
    second = submit(lab)
    assert [w.id for w in workloads.history(lab.db, "nabcdefgh")] == [second, first]
    assert workloads.latest(lab.db, ["nabcdefgh", "nnobody"])["nabcdefgh"].id == second


def test_a_spec_comes_back_as_it_was(lab: Lab) -> None:
    found = workloads.get(lab.db, submit(lab, env={"A": 'é"\n'}))
    assert found.spec.env == {"A": 'é"\n'} and found.spec.route == SPEC.route
    with pytest.raises(NotFound):
        found.final


def test_one_that_waits_is_canceled_at_once(lab: Lab) -> None:
    workload_id = submit(lab)
    with write(lab.db) as db:
        workloads.request_stop(db, workload_id, "stopped by ann")
    found = workloads.get(lab.db, workload_id)
    assert (found.state, found.reason, found.message) == ("canceled", "Canceled", "stopped by ann")
    assert names(lab) == ["notebook.pending", "notebook.canceled"]


def test_a_stop_is_a_wish_and_the_first_reason_stays(lab: Lab) -> None:
    workload_id = submit(lab)
    start(lab, workload_id)
    for who in ("ann", "bob"):
        with write(lab.db) as db:
            workloads.request_stop(db, workload_id, f"stopped by {who}")
    found = workloads.get(lab.db, workload_id)
    assert (found.state, found.wanted, found.stop_reason) == ("running", "stop", "stopped by ann")


def test_the_way_in_closes_with_the_first_step_of_stopping(lab: Lab) -> None:
    workload_id = submit(lab)
    start(lab, workload_id)
    assert workloads.route_to(lab.db, "n", "nabcdefgh")
    with write(lab.db) as db:
        workloads.move(db, workload_id, "stopping")
    assert workloads.route_to(lab.db, "n", "nabcdefgh") is None


@pytest.mark.parametrize("state", ["stopped", "failed", "error"])
def test_an_end_gives_everything_back(lab: Lab, state: str) -> None:
    workload_id = submit(lab)
    start(lab, workload_id, "gpu1", "gpu0")
    assert workloads.leases(lab.db) == [
        Lease(workload_id, 1000, 512, ("gpu0", "gpu1"), "nabcdefgh")
    ]
    with write(lab.db) as db:
        workloads.end(db, workload_id, state, "Why", "x" * 5000)
    assert workloads.leases(lab.db) == []
    assert workloads.route_to(lab.db, "n", "nabcdefgh") is None
    assert workloads.live(lab.db) == []
    assert len(workloads.get(lab.db, workload_id).message) == 2000


def test_a_device_has_one_holder(lab: Lab) -> None:
    start(lab, submit(lab), "gpu0")
    other = submit(lab, "nother")
    with pytest.raises(Exception, match="UNIQUE"):
        with write(lab.db) as db:
            workloads.grant(db, Lease(other, 1, 1, ("gpu0",)), "boot")
    assert workloads.get(lab.db, other).state == "pending"
    assert len(workloads.leases(lab.db)) == 1


def test_a_grant_that_came_too_late_holds_nothing(lab: Lab) -> None:
    workload_id = submit(lab)
    with write(lab.db) as db:
        workloads.request_stop(db, workload_id, "")
        assert not workloads.grant(db, Lease(workload_id, 1000, 512), "boot")
    assert workloads.leases(lab.db) == []


def test_plugins_have_their_say_once(lab: Lab) -> None:
    workload_id = submit(lab)
    assert [w.id for w in workloads.unfinal(lab.db)] == [workload_id]
    with write(lab.db) as db:
        workloads.finalize(db, workload_id, SPEC.model_copy(update={"env": {"A": "1"}}))
        workloads.finalize(db, workload_id, SPEC)
    assert workloads.get(lab.db, workload_id).final.env == {"A": "1"}
    assert workloads.unfinal(lab.db) == []


def test_waiting_is_told_when_it_changes_and_forgotten_at_the_start(lab: Lab) -> None:
    workload_id = submit(lab)
    for _ in range(3):
        with write(lab.db) as db:
            workloads.set_wait(db, Wait(workload_id, 2, "needs more"))
    assert names(lab) == ["notebook.pending"] * 2
    with write(lab.db) as db:
        workloads.grant(db, Lease(workload_id, 1, 1), "boot")
        workloads.set_wait(db, Wait(workload_id, 9, "late"))
    found = workloads.get(lab.db, workload_id)
    assert (found.wait_position, found.wait_reason, found.boot_id) == (0, "", "boot")


def test_every_step_is_told_with_its_time(lab: Lab) -> None:
    workload_id = submit(lab)
    start(lab, workload_id)
    told = ["pending", "provisioning", "starting", "running"]
    assert names(lab) == [f"notebook.{state}" for state in told]
    found = workloads.get(lab.db, workload_id)
    assert found.started_ms == found.ready_ms == lab.clock.now_ms()
    event = events.after(lab.db, 0)[-1]
    assert (event.subject, event.team_id) == ("nabcdefgh", lab.team("lab").id)
    assert event.data == {"workload": workload_id}


def test_a_replacement_takes_over_the_address(lab: Lab) -> None:
    first = submit(lab)
    start(lab, first)
    with write(lab.db) as db:
        workloads.end(db, first, "stopped", "Stopped", "")
    second = submit(lab)
    start(lab, second)
    route = workloads.route_to(lab.db, "n", "nabcdefgh")
    assert route is not None and route.workload_id == second
