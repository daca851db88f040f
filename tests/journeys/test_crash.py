"""kill -9 of each process at each state of a notebook's life: everything comes back, and nothing is lost or done twice."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from tests.journeys import host
from tests.journeys.client import execute
from tests.journeys.conftest import fresh_instance
from tests.journeys.crashing import VICTIMS, Crashing
from tests.journeys.invariants import broken

pytestmark = pytest.mark.containers
STARTS = 10
LONGEST_START_S = 0.3
WHOLE_MACHINE = f"C{len(os.sched_getaffinity(0))}"


@pytest.fixture(scope="module")
def crashing() -> Iterator[Crashing]:
    started = Crashing.begin(fresh_instance())
    yield started
    started.end()


@pytest.mark.parametrize("victim", VICTIMS)
def test_each_state_survives_the_death_of(victim: str, crashing: Crashing) -> None:
    blocker = crashing.fast(machine=WHOLE_MACHINE)
    crashing.reach(blocker, "running")
    notebook = crashing.fast(hold="starting stopping")
    _die(crashing, victim, notebook, "pending")
    assert crashing.state(notebook) == "pending"

    crashing.stop(blocker)
    _die(crashing, victim, notebook, "provisioning")
    crashing.reach(notebook, "starting")
    container = host.container_id(crashing.instance.config, crashing.session(notebook)["id"])

    _die(crashing, victim, notebook, "starting")
    crashing.let_go(notebook, "starting")
    crashing.reach(notebook, "running")
    word = crashing.word(notebook)

    _die(crashing, victim, notebook, "running")
    assert crashing.state(notebook) == "running"
    assert crashing.word(notebook) == word
    assert container == host.container_id(
        crashing.instance.config, crashing.session(notebook)["id"]
    )

    crashing.stop(notebook)
    _die(crashing, victim, notebook, "stopping")
    crashing.let_go(notebook, "stopping")
    assert crashing.reach(notebook, "stopped")["reason"] == "Stopped"
    crashing.reach(blocker, "stopped")
    crashing.check_log(notebook)
    crashing.check_runs(notebook)


def _die(crashing: Crashing, victim: str, notebook: str, state: str) -> None:
    """Kill as soon as the notebook is in the state, and wait until all is back."""
    crashing.reach(notebook, state)
    crashing.come_back(crashing.kill(victim))


def test_a_notebook_waits_for_a_dead_worker(crashing: Crashing) -> None:
    crashing.kill("worker")
    notebook = crashing.fast()
    crashing.reach(notebook, "running")
    crashing.stop(notebook)
    crashing.reach(notebook, "stopped")


def test_the_engine_dies_at_any_moment_of_a_start(crashing: Crashing) -> None:
    """The runtime may have made the container while the engine does not know it: to be started, or to be removed."""
    config = crashing.instance.config
    notebook = crashing.fast()
    for turn in range(STARTS):
        host.until(lambda: crashing.state(notebook) != "pending")
        time.sleep(turn * LONGEST_START_S / STARTS)
        crashing.kill("podman")
        if turn % 2:
            crashing.reach(notebook, "running")
        crashing.stop(notebook)
        crashing.reach(notebook, "stopped")
        if turn < STARTS - 1:
            crashing.admin.api("POST", f"/notebooks/{notebook}/start", {})
    host.until_empty(lambda: broken(config))
    crashing.check_runs(notebook)


def test_a_kernel_keeps_its_variables(crashing: Crashing) -> None:
    notebook = crashing.admin.notebook(crashing.project)
    crashing.reach(notebook, "running")
    door = crashing.admin.enter(notebook)
    kernel = door.post("api/kernels", {"name": "python3"})["id"]
    path = f"api/kernels/{kernel}/channels"
    socket = door.connect(path)
    execute(socket, "kept = 6 * 7")
    socket.close()
    for victim in VICTIMS:
        crashing.come_back(crashing.kill(victim))
    socket = door.connect(path)
    assert execute(socket, "kept") == "42"
    socket.close()
    crashing.stop(notebook)
    crashing.reach(notebook, "stopped")


def test_nothing_is_left_on_the_host(crashing: Crashing) -> None:
    config = crashing.instance.config
    host.until_empty(lambda: broken(config))
    assert not host.containers(config) and not any(host.bridges(config).values())
