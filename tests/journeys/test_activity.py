"""What counts as use of a real JupyterLab, and what a kernel that takes too much memory leaves behind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.boot import boot
from appliance.clock import SystemClock
from appliance.runtime import processes, signs, workloads
from tests.journeys import host
from tests.journeys.client import Door, Person
from tests.journeys.instance import PASSWORD, Instance

pytestmark = pytest.mark.containers

HOG = "held = []\nwhile True: held.append(bytearray(16 << 20))"


@pytest.fixture(scope="module")
def owner(appliance: Instance) -> Iterator[Person]:
    owner = Person(appliance.url, "admin", PASSWORD)
    yield owner
    owner.close()


class Watched:
    """A running notebook, entered, as the supervisor sees it."""

    def __init__(self, appliance: Instance, owner: Person) -> None:
        self.id = owner.notebook(owner.project("use"), machineType="C1")
        session = owner.wait(self.id, "running")["id"]
        self.door: Door = owner.enter(self.id)
        self.workload = workloads.get(boot(appliance.data).local.get(), session)
        self.socket = appliance.config.paths.sockets / session / "app.sock"
        self.pid: int = host.containers(appliance.config)[session]["Pid"]

    def used_by(self, since_ms: int) -> str:
        """What uses it since a moment, processors aside."""
        found = processes.of_container(self.pid)
        look = signs.Look(self.workload, self.socket, found, 0.0, since_ms)
        return signs.jupyter(look) or signs.terminal(look)


@pytest.fixture()
def watched(appliance: Instance, owner: Person) -> Iterator[Watched]:
    made = Watched(appliance, owner)
    yield made
    owner.api("POST", f"/notebooks/{made.id}/stop")
    owner.wait(made.id, "stopped")


def now_ms() -> int:
    return SystemClock().now_ms()


def run(wire: object, code: str) -> None:
    """Begin to run a cell, without waiting for it."""
    header = {"msg_id": "m", "msg_type": "execute_request", "session": "s", "username": ""}
    header |= {"version": "5.3", "date": "2026-01-01T00:00:00Z"}
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    parts = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    wire.send(json.dumps({**parts, "channel": "shell", "buffers": []}))  # type: ignore[attr-defined]


def test_what_counts_as_use(watched: Watched) -> None:
    door = watched.door
    kernel = door.post("api/kernels", {"name": "python3"})["id"]
    wire = door.connect(f"api/kernels/{kernel}/channels")
    run(wire, "1")
    host.until(lambda: '"idle"' in door.request("GET", "api/kernels").text)

    began = now_ms()  # from here on: an open tab, and nobody at it
    again = door.connect(f"api/kernels/{kernel}/channels")
    for path in (
        "lab",
        "api/kernels",
        "api/sessions",
        "api/terminals",
        "api/contents",
        "api/status",
    ):
        assert door.request("GET", path).status_code == 200
    wire.ping()
    assert watched.used_by(began) == ""

    run(again, "import time; time.sleep(3600)")
    assert host.until(lambda: watched.used_by(began)) == "a busy kernel"
    door.post(f"api/kernels/{kernel}/interrupt", {})
    assert host.until(lambda: watched.used_by(began) == "a kernel")
    later = now_ms()
    assert watched.used_by(later) == ""

    name = door.post("api/terminals", {})["name"]
    terminal = door.connect(f"terminals/websocket/{name}")
    terminal.send(json.dumps(["stdin", "sleep 3600\r"]))
    host.until(lambda: "sleep" in [p.name for p in processes.of_container(watched.pid)])
    assert watched.used_by(now_ms()) in ("sleep in a terminal", "a terminal")
    assert host.until(lambda: watched.used_by(now_ms()) == "sleep in a terminal")
    for one in (wire, again, terminal):
        one.close()
    assert (
        watched.used_by(now_ms()) == "sleep in a terminal"
    )  # the tab is closed, the program goes on


def test_a_kernel_that_takes_all_memory(
    appliance: Instance, owner: Person, watched: Watched
) -> None:
    kernel = watched.door.post("api/kernels", {"name": "python3"})["id"]
    wire = watched.door.connect(f"api/kernels/{kernel}/channels")
    host.until(lambda: any(score(p) == 500 for p in processes.of_container(watched.pid)))
    [server] = [p for p in processes.of_container(watched.pid) if p.parent == watched.pid]
    assert score(server) < 500
    run(wire, HOG)
    message = host.until(lambda: owner.session(watched.id)["message"], 120)
    assert re.match(r"a process was killed for memory at ([\d.]+) of \1 GiB: use a larger", message)
    assert owner.session(watched.id)["state"] == "running"
    assert watched.door.request("GET", "api/kernels").status_code == 200
    page = owner.http.get(f"/notebooks/{watched.id}/card").text
    assert "alert-warning" in page and "killed for memory" in page
    wire.close()
    host.until(lambda: watched.door.run("6 * 7") == "42")  # a new kernel works


def score(process: processes.Process) -> int:
    try:
        return int(Path(f"/proc/{process.pid}/oom_score_adj").read_text())
    except OSError:
        return 0
