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


@pytest.mark.parametrize(("wanted", "state", "seen", "step"), CASES)
def test_after_a_boot_only_a_loss_reads_differently(
    wanted: str, state: str, seen: str | None, step: str
) -> None:
    workload = replace(BASE, state=state, wanted=wanted, boot_id="before")
    expected = "restart_lost" if step == "lost" else step
    assert decide(workload, container(seen), "now") == expected


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("state", sorted(states.ENDED))
def test_what_ended_is_left_alone(state: str, seen: str | None) -> None:
    for wanted in ("run", "stop"):
        workload = replace(BASE, state=state, wanted=wanted)
        assert decide(workload, container(seen), "now") == "none"


def test_the_tables_are_whole() -> None:
    assert set(RUN) == set(STOP) == states.LIVE
