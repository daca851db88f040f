"""A hundred random kills while notebooks come and go; then every row, container and file must tell the same story."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from appliance import boot
from appliance.config import Config
from appliance.db import write
from appliance.runtime import workloads
from appliance.runtime.spec import Resources
from plugins_builtin.notebooks import service
from plugins_builtin.notebooks.specs import NotebookSpec
from tests.journeys import host
from tests.journeys.client import Door, execute
from tests.journeys.conftest import fresh_instance
from tests.journeys.crashing import SERVER, Crashing
from tests.journeys.invariants import broken

pytestmark = pytest.mark.containers
KILLS = 100
SEED = 1
WEIGHTS = {"supervisor": 22, "podman": 22, "web": 12, "stream": 8, "worker": 14, "proxy": 10}
WEIGHTS |= {"manager": 6, "everything": 6}
SMALL = Resources(cpu_milli=50, memory_mib=128, pids=64)
SMALL_NOTEBOOKS = 6
SPOOL_KEEP_S = 600


@pytest.fixture(scope="module")
def crashing() -> Iterator[Crashing]:
    started = Crashing.begin(fresh_instance())
    yield started
    started.end()


class Background(threading.Thread):
    """People who create, start, stop and delete notebooks, and don't care when the appliance is away for a moment.

    Small ones are put into the queue without the API, whose smallest instance type is half of a small machine.
    """

    def __init__(self, crashing: Crashing, rng: random.Random) -> None:
        super().__init__(name="background", daemon=True)
        self.crashing, self.rng = crashing, rng
        self.appliance = boot.boot(crashing.instance.data)
        self.notebooks: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(self.rng.uniform(0.05, 0.4)):
            try:
                self.act()
            except (httpx.HTTPError, KeyError):
                continue  # an answer of a gateway whose web is away has no id

    def act(self) -> None:
        """One thing that a user does."""
        if len(self.notebooks) < SMALL_NOTEBOOKS:
            return self.create()
        notebook = self.rng.choice(self.notebooks)
        state = self.crashing.state(notebook)
        if state == "stopped" or state == "canceled":
            what = self.rng.choice(["start", "start", "start", "delete"])
        else:
            what = "stop" if self.rng.random() < 0.5 else ""
        if what == "start":
            self.submit(notebook)
        elif what:
            method, path = ("DELETE", "") if what == "delete" else ("POST", "/stop")
            answer = self.crashing.admin.request(method, f"/v1/notebooks/{notebook}{path}")
            if answer.status_code != 200:
                return
            if what == "delete":
                self.notebooks.remove(notebook)

    def create(self) -> None:
        body: dict[str, object] = {"name": "small", "projectId": self.crashing.project}
        body |= {"machineType": "C1", "shouldRunOnCreate": False}
        answer = self.crashing.admin.request("POST", "/v1/notebooks", json=body)
        if answer.status_code == 200:
            self.notebooks.append(answer.json()["id"])
            self.submit(self.notebooks[-1])

    def submit(self, notebook: str) -> None:
        """As the service does it, with less of everything."""
        ctx = self.appliance.context()
        spec = NotebookSpec(
            name="small", image="base", instance_type="C1", command='exec python3 -c "$SERVER"',
            environment={"SERVER": SERVER, "PAUSE_S": "0.05"},
        )  # fmt: skip
        project = self.crashing.project
        team = host.rows(ctx.config, "SELECT team_id FROM projects WHERE id = ?", project)[0][
            "team_id"
        ]
        made = service.workload_spec(ctx, notebook, spec, team)
        small = made.model_copy(update={"resources": SMALL})
        user = host.rows(ctx.config, "SELECT id FROM users")[0]["id"]
        with write(ctx.db) as db:
            workloads.submit(
                db, small, owner_id=notebook, project_id=project, team_id=team, user_id=user, label="small"
            )  # fmt: skip


def test_a_hundred_kills(crashing: Crashing) -> None:
    config = crashing.instance.config
    kernel_notebook = crashing.admin.notebook(crashing.project)
    background = Background(crashing, random.Random(SEED))
    background.create()
    talker = background.notebooks.pop()
    crashing.reach(talker, "running")
    crashing.reach(kernel_notebook, "running", 90)
    door = crashing.admin.enter(kernel_notebook)
    channel = f"api/kernels/{door.post('api/kernels', {'name': 'python3'})['id']}/channels"
    assert say(door, channel, "kept = 6 * 7; kept") == "42"
    word, old = crashing.word(talker), old_spool_file(config)

    background.start()
    storm(crashing, random.Random(SEED))
    background.done.set()
    background.join(60)
    crashing.come_back()
    host.until_empty(
        lambda: ids(config, "ended_ms IS NULL AND (state, wanted) <> ('running', 'run')")
    )
    host.until_empty(lambda: broken(config))
    assert not ids(config, "ended_ms IS NOT NULL AND state NOT IN ('stopped', 'canceled')")
    assert not old.exists()
    assert crashing.word(talker) == word
    assert say(door, channel, "kept") == "42"

    for notebook in (kernel_notebook, talker, *background.notebooks):
        crashing.stop(notebook)
    host.until_empty(lambda: ids(config, "ended_ms IS NULL"))
    host.until_empty(lambda: broken(config))
    for notebook in (talker, *background.notebooks):
        session = crashing.session(notebook)
        if session["started_ms"]:
            # 143: told to end before Python could listen, so it has no last words
            assert session["exit_code"] in (0, 143), session["id"]
            crashing.check_log(notebook, ended=session["exit_code"] == 0)
            crashing.check_runs(notebook)


def say(door: Door, channel: str, code: str) -> str:
    """Run code in a kernel that exists already."""
    with closing(door.connect(channel)) as socket:
        return execute(socket, code)


def old_spool_file(config: Config) -> Path:
    """A copy of a user's file that nobody fetched in time."""
    old = config.paths.spool / "old"
    old.touch()
    os.utime(old, (0, time.time() - SPOOL_KEEP_S - 60))
    return old


def ids(config: Config, where: str) -> list[str]:
    """Workloads of a kind, each with what is said of it."""
    found = host.rows(config, f"SELECT id, state, reason, message FROM workloads WHERE {where}")
    return [" ".join(map(str, item.values())) for item in found]


def storm(crashing: Crashing, rng: random.Random) -> None:
    """KILLS kills that hit something.

    The manager's pause before it starts a service again grows with each, until it is killed itself.
    """
    killed = 0
    while killed < KILLS:
        time.sleep(rng.uniform(0.05, 0.5))
        victim = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        killed += crashing.kill(victim) > 0
        if not crashing.instance.managed:
            crashing.instance.start()
