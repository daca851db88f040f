"""The whole table of what to do next: every state, wish and container."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.runtime import states
from appliance.runtime.backend import Container
from appliance.runtime.reconcile import decide
from appliance.runtime.workloads import Workload

BASE = Workload(
    seq=1, id="wabc", kind="notebook", owner_id="n", project_id="p", team_id="t", user_id="u",
    spec_json="", final_json="", priority=0, label="nb", state="pending", step="", reason="",
    message="", wanted="run", stop_reason="", wait_position=0, wait_reason="", boot_id="now",
    image_digest="", exit_code=None, created_ms=0, started_ms=None, ready_ms=None, ended_ms=None,
)  # fmt: skip

# state -> what to do when the container is (missing, created, running, exited)
RUN = {
    "pending": ("none", "none", "none", "none"),
    "provisioning": ("create", "start", "mark_started", "finish"),
    "starting": ("lost", "lost", "probe", "finish"),
    "running": ("lost", "lost", "none", "finish"),
    "stopping": ("lost", "lost", "stop", "finish"),
}
STOP = {
    "pending": ("none", "none", "none", "none"),
    "provisioning": ("stop", "stop", "stop", "finish"),
    "starting": ("stop", "stop", "stop", "finish"),
    "running": ("stop", "stop", "stop", "finish"),
    "stopping": ("stop", "stop", "stop", "finish"),
}
# the same, wanted to run, after the machine was restarted
REBOOTED = {
    "pending": ("none", "none", "none", "none"),
    "provisioning": ("create", "create", "create", "restart_lost"),
    "starting": ("restart_lost", "restart_lost", "probe", "restart_lost"),
    "running": ("restart_lost", "restart_lost", "none", "restart_lost"),
    "stopping": ("restart_lost", "restart_lost", "stop", "restart_lost"),
}
SEEN = (None, "created", "running", "exited")
CASES = [
    (wanted, state, seen, steps[column])
    for wanted, table in (("run", RUN), ("stop", STOP))
    for state, steps in table.items()
    for column, seen in enumerate(SEEN)
]


def container(state: str | None) -> Container | None:
    return Container("c", state, {}) if state else None  # type: ignore[arg-type]


@pytest.mark.parametrize(("wanted", "state", "seen", "step"), CASES)
def test_next_step(wanted: str, state: str, seen: str | None, step: str) -> None:
    workload = replace(BASE, state=state, wanted=wanted)
    assert decide(workload, container(seen), "now") == step


@pytest.mark.parametrize("state", sorted(states.LIVE))
@pytest.mark.parametrize("seen", SEEN)
def test_after_a_boot(state: str, seen: str | None) -> None:
    workload = replace(BASE, state=state, boot_id="before")
    assert decide(workload, container(seen), "now") == REBOOTED[state][SEEN.index(seen)]


def test_a_wish_to_stop_and_a_done_job_outlive_a_boot() -> None:
    told = replace(BASE, state="running", wanted="stop", boot_id="before")
    assert decide(told, container("exited"), "now") == "finish"
    job = replace(BASE, kind="job", state="running", boot_id="before")
    done = replace(Container("c", "exited", {}), exit_code=0)
    assert decide(job, done, "now") == "finish"
    assert decide(job, replace(done, exit_code=1), "now") == "restart_lost"


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("state", sorted(states.ENDED))
def test_what_ended_is_left_alone(state: str, seen: str | None) -> None:
    for wanted in ("run", "stop"):
        workload = replace(BASE, state=state, wanted=wanted)
        assert decide(workload, container(seen), "now") == "none"


def test_the_tables_are_whole() -> None:
    assert set(RUN) == set(STOP) == states.LIVE
