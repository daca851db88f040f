"""The appliance as services: installed on a machine with systemd, its parts restarted and killed while a notebook runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from tests.journeys import host
from tests.journeys.client import Door, Person
from tests.journeys.conftest import HOME
from tests.journeys.crashing import SERVER
from tests.journeys.instance import PASSWORD, SERVICES
from tests.journeys.machine import DATA, Machine

pytestmark = pytest.mark.containers
UNPRIVILEGED = ("web", "stream", "worker", "proxy")


@dataclass(frozen=True)
class Running:
    """An installed machine with a running notebook. word: the same as long as its process is the same."""

    machine: Machine
    door: Door
    word: str
    monitors: list[str]

    def check(self) -> None:
        """The services answer, and the notebook is the one that was started."""
        host.until(lambda: _answer(self.door) == self.word, 60)
        assert self.machine.pids("conmon") == self.monitors

    def systemctl(self, *arguments: str) -> None:
        self.machine.run("systemctl", *arguments)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    HOME.mkdir(mode=0o755, exist_ok=True)
    machine = Machine(HOME / uuid4().hex[:8])
    try:
        machine.boot()
        said = machine.install()
        assert (
            f"Appliance is ready: http://lab.test:8080   user: admin   password: {PASSWORD}" in said
        )
        with closing(Person(machine.url, "admin", PASSWORD)) as admin:
            door = _start_notebook(admin)
        word = door.request("GET", "word").text
        yield Running(machine, door, word, machine.pids("conmon"))
    finally:
        machine.destroy()


def _start_notebook(admin: Person) -> Door:
    program = {"command": 'exec python3 -c "$SERVER"', "environment": {"SERVER": SERVER}}
    notebook = admin.notebook(admin.project(), container="base", **program)
    admin.wait(notebook, "running")
    return admin.enter(notebook)


def _answer(door: Door) -> str:
    try:
        answer = door.request("GET", "word", timeout=5)
        return answer.text if answer.status_code == 200 else ""
    except httpx.HTTPError:
        return ""


def test_monitors_are_in_no_service(running: Running) -> None:
    """Else a stop of the supervisor's unit would be their end, or leave them to be killed by an admin who cleans up."""
    assert len(running.monitors) == 1
    assert "libpod-conmon" in running.machine.run("cat", f"/proc/{running.monitors[0]}/cgroup")
    listed = running.machine.run("systemd-cgls", "--no-pager", "-u", "appliance-supervisor.service")
    assert "podman" in listed and "conmon" not in listed


def test_workloads_go_first_when_memory_runs_out(running: Running) -> None:
    machine = running.machine
    children = f"/proc/{running.monitors[0]}/task/{running.monitors[0]}/children"
    program = machine.run("cat", children).split()[0]
    assert machine.run("cat", f"/proc/{program}/oom_score_adj").strip() == "100"


def test_behind_their_walls_services_do_their_work(running: Running) -> None:
    """A stream, and what nginx serves from disk: a log, and a file that the supervisor copied for it."""
    with closing(Person(running.machine.url, "admin", PASSWORD)) as admin:
        page, session = f"/notebooks/{running.door.notebook}", admin.session(running.door.notebook)
        assert "line 0" in admin.request("GET", f"{page}/log/{session['id']}").text
        assert admin.request("GET", f"{page}/files/download?path=starts").text.strip()
        with admin.http.stream("GET", "/stream") as answer:
            assert answer.status_code == 200 and next(answer.iter_lines())


@pytest.mark.parametrize("service", UNPRIVILEGED)
def test_walls_hold(service: str, running: Running) -> None:
    """What the unit says is what the process got."""
    machine = running.machine
    pid = machine.pid_of(service)
    lines = machine.run("cat", f"/proc/{pid}/status").splitlines()
    status = {key: value.split() for key, value in (line.split(":", 1) for line in lines)}
    assert status["Uid"][0] == machine.show(service, "User") != "0"
    assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])
    capabilities = int(status["CapEff"][0], 16)
    assert capabilities == (1 << 10 if service == "proxy" else 0)
    enter = ["nsenter", "--target", str(pid), "--mount"]
    for path in ("/etc/x", f"{DATA}/x", f"{DATA}/plugins/x", f"{DATA}/venv/x"):
        assert "Read-only file system" in machine.refused(*enter, "touch", path)
    assert machine.run(*enter, "ls", "/root", "/home") == "/home:\n\n/root:\n"


@pytest.mark.parametrize("service", SERVICES)
def test_a_restart_leaves_the_notebook_alone(service: str, running: Running) -> None:
    before = running.machine.pid_of(service)
    running.systemctl("restart", f"appliance-{service}")
    assert running.machine.pid_of(service) not in (0, before)
    running.check()


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_comes_back(service: str, running: Running) -> None:
    before = running.machine.pid_of(service)
    running.machine.run("kill", "-9", str(before))
    host.until(lambda: running.machine.pid_of(service) not in (0, before))
    running.check()


def test_notebooks_outlive_the_target(running: Running) -> None:
    running.systemctl("stop", "appliance.target", "appliance-*")
    assert [running.machine.pid_of(name) for name in SERVICES] == [0] * len(SERVICES)
    assert running.machine.pids("conmon") == running.monitors
    running.systemctl("start", "appliance.target")
    running.check()


def test_nothing_starts_beside_the_services(running: Running) -> None:
    for arguments in ([], ["--stop"]):
        said = running.machine.refused("/src/scripts/up", *arguments)
        assert f"systemd runs the appliance in {DATA}" in said
    other = running.machine.refused("/src/scripts/install", "--data", "/srv/other")
    assert f"the services of this host are for {DATA}" in other
    running.check()


def test_an_installation_is_repeated(running: Running) -> None:
    said = running.machine.install()
    assert "Appliance is ready" in said and "password" not in said
    running.check()


def test_services_wait_for_the_foreground(running: Running) -> None:
    """What runs in the foreground has the lock; units try until it is free."""
    running.systemctl("stop", "appliance.target", "appliance-*")
    hold = shlex.join(["flock", str(DATA / "run/up.lock"), "sleep", "600"])
    running.machine.run("systemd-run", "--quiet", "--unit=foreground", "sh", "-c", hold)
    host.until(lambda: running.machine.pids("sleep"))
    said = running.machine.refused("/src/scripts/install")
    assert "runs already" in said and "systemctl start appliance.target" in said
    running.systemctl("start", "--no-block", "appliance.target")
    host.until(lambda: int(running.machine.show("web", "NRestarts")) > 1)
    host.until(lambda: running.machine.show("web", "ExecMainStatus") == "75")
    running.systemctl("stop", "foreground")
    running.check()


def test_services_start_with_the_machine(running: Running) -> None:
    """Its notebooks are gone with its processes, and so is all that lay below /run."""
    running.machine.reboot()
    health = f"{running.machine.url}/v1/health"
    host.until(lambda: httpx.get(health, timeout=5).status_code == 200)
    assert [
        name for name in SERVICES if running.machine.show(name, "ActiveState") != "active"
    ] == []


def test_an_uninstallation_leaves_the_data(running: Running) -> None:
    machine, notebook = running.machine, running.door.notebook
    with closing(Person(machine.url, "admin", PASSWORD)) as admin:
        admin.api("POST", f"/notebooks/{notebook}/start", {})
        admin.wait(notebook, "running")
    said = machine.run("/src/scripts/install", "--uninstall")
    assert f"the data are still in {DATA}" in said
    assert machine.pids("conmon") == []
    assert "appliance" not in machine.run("systemctl", "list-unit-files", "--no-pager")
    assert "appliance" not in machine.run("cat", "/etc/passwd", "/etc/group")
    assert "appliance_" not in machine.run("nft", "list", "tables")
    said = machine.install()
    assert "Appliance is ready" in said and "password" not in said
