"""A workload's life as data."""

from __future__ import annotations

from typing import get_args

import pytest

from appliance.db import write
from appliance.runtime import states, workloads
from appliance.runtime.lifecycle import end_state
from appliance.runtime.scheduler import Lease
from tests.lab import Lab
from tests.runtime.test_workloads import submit

EVERY = frozenset(get_args(states.State))
PATHS = {
    "pending": [],
    "provisioning": ["provisioning"],
    "starting": ["provisioning", "starting"],
    "running": ["provisioning", "starting", "running"],
    "stopping": ["provisioning", "starting", "running", "stopping"],
}


def test_every_state_is_live_or_ended_and_has_a_name_at_the_api() -> None:
    assert states.LIVE | states.ENDED == EVERY and not states.LIVE & states.ENDED
    assert set(states.API_NOTEBOOK_STATES) == EVERY
    assert set(states.NEXT) == states.LIVE == set(PATHS)
    assert all(following <= EVERY for following in states.NEXT.values())


def test_every_live_state_can_end_in_an_error_and_none_is_left_twice() -> None:
    for state, following in states.NEXT.items():
        assert "error" in following and state not in following
    assert not any(states.may_follow(ended, state) for ended in states.ENDED for state in EVERY)


@pytest.mark.parametrize("wanted", sorted(states.LIVE))
@pytest.mark.parametrize("state", sorted(states.LIVE))
def test_a_row_moves_as_the_table_says(lab: Lab, state: str, wanted: str) -> None:
    workload_id = submit(lab)
    with write(lab.db) as db:
        for step in PATHS[state]:
            assert workloads.move(db, workload_id, step)
        moved = workloads.move(db, workload_id, wanted)
    assert moved == (wanted in states.NEXT[state])
    assert workloads.get(lab.db, workload_id).state == (wanted if moved else state)


@pytest.mark.parametrize("ended", sorted(states.ENDED))
@pytest.mark.parametrize("state", sorted(states.LIVE))
def test_an_end_is_final(lab: Lab, state: str, ended: str) -> None:
    workload_id = submit(lab)
    with write(lab.db) as db:
        for step in PATHS[state]:
            workloads.move(db, workload_id, step)
        assert workloads.end(db, workload_id, ended, "Why", "because", 3)
        for more in EVERY:
            assert not workloads.move(db, workload_id, more)
            assert not workloads.end(db, workload_id, more, "Other", "")
        assert not workloads.grant(db, Lease(workload_id, 1, 1), "boot")
    found = workloads.get(lab.db, workload_id)
    assert (found.state, found.reason, found.exit_code) == (ended, "Why", 3)
    assert found.ended_ms == lab.clock.now_ms() and workloads.leases(lab.db) == []


@pytest.mark.parametrize(
    ("code", "ours", "oom", "reason", "words"),
    [
        (0, False, False, "Finished", "exit code 0"),
        (1, False, False, "ExitCode", "exit code 1; its last log lines"),
        (2, False, False, "ExitCode", "exit code 2"),
        (126, False, False, "CommandNotExecutable", "can't be executed"),
        (127, False, False, "CommandNotFound", "no such command"),
        (137, False, False, "Killed", "its limit is 512 MiB"),
        (137, False, True, "OutOfMemory", "more than its 512 MiB"),
        (1, False, True, "OutOfMemory", "more than its 512 MiB"),
        (139, False, False, "Signal", "signal 11"),
        (143, True, False, "Stopped", "on request"),
        (137, True, True, "Stopped", "on request"),
        (0, True, False, "Stopped", "on request"),
        (-1, False, False, "ExitCode", "exit code -1"),
    ],
)
def test_exits_are_explained(code: int, ours: bool, oom: bool, reason: str, words: str) -> None:
    found, message = states.explain_exit(code, ours, oom, 512)
    assert found == reason and words in message


@pytest.mark.parametrize(
    ("kind", "code", "ours", "state"),
    [
        ("notebook", 0, False, "stopped"),
        ("notebook", 1, False, "failed"),
        ("notebook", 143, True, "stopped"),
        ("job", 0, False, "succeeded"),
        ("job", 1, False, "failed"),
        ("job", 0, True, "canceled"),
        ("job", 137, True, "canceled"),
    ],
)
def test_how_an_end_is_filed(kind: str, code: int, ours: bool, state: str) -> None:
    assert end_state(kind, code, ours) == state
