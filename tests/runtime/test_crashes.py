"""kill -9 of the supervisor after every single thing that it does: nothing is lost, nothing runs twice, nothing stays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from appliance import db as database
from appliance.runtime import lifecycle, slots, socketdir, supervisor, worker, workloads
from appliance.runtime.fake import FakeBackend
from plugins_builtin.notebooks import service
from plugins_builtin.notebooks.specs import NotebookSpec
from plugins_builtin.projects import service as projects
from tests.lab import Lab, Person, opened

CALLS = frozenset("create start stop remove ensure_network image_digest pull".split())
MOST_POINTS = 80
IMAGE = "team/image:1"


class Killed(BaseException):
    """No code of ours may catch it, as none runs after kill -9."""


class Killer:
    """Counts the points at which a kill leaves something different behind, and kills at one of them."""

    def __init__(self) -> None:
        self.at, self.passed = 0, 0

    def point(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise Killed


class Mortal(FakeBackend):
    """An engine whose caller may be killed right after any call: the call itself went through."""

    killer = Killer()

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name not in CALLS:
            return found
        killer = object.__getattribute__(self, "killer")

        def call(*args: Any) -> Any:
            done = found(*args)
            killer.point()
            return done

        return call


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    """Points after calls of the engine, after commits of the supervisor, and between making and owning a directory."""
    made = Killer()

    @contextmanager
    def write(db: database.Db) -> Iterator[database.Db]:
        with database.write(db):
            yield db
        made.point()

    def then_point(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            done = function(*args, **more)
            made.point()
            return done

        return call

    monkeypatch.setattr(Mortal, "killer", made)
    monkeypatch.setattr(lifecycle, "write", write)
    monkeypatch.setattr(supervisor, "write", write)
    for name in ("ensure", "remove", "_run"):
        monkeypatch.setattr(socketdir, name, then_point(getattr(socketdir, name)))
    real_chown = os.chown

    def chown(*args: Any) -> None:
        made.point()  # before it: what stays behind then is root's
        real_chown(*args)

    monkeypatch.setattr("appliance.runtime.places.os.chown", chown)
    return made


def begin(lab: Lab, **spec: Any) -> str:
    """A notebook of ann's that was asked to start; its id."""
    ctx = lab.acting("ann")
    project = projects.create(ctx, "demo").id
    given = NotebookSpec(**{"name": "nb", "instance_type": "C1", **spec})
    return service.create(ctx, project, given).notebook.id


def killed_at_each(
    killer: Killer, story: Callable[[Lab], str], check: Callable[[Lab, str], None]
) -> int:
    """Live through the story once for each point, killed there; check what comes of it. The number of points."""
    for at in range(1, MOST_POINTS):
        with opened(Mortal) as lab:
            lab.backend.registry.add(IMAGE)
            killer.at = 0
            notebook = story(lab)
            killer.at, killer.passed = at, 0
            try:
                lab.settle()
            except Killed:
                killer.at = 0
                lab.restart()
                lab.settle()
            else:
                return at - 1
            finally:
                killer.at = 0
            check(lab, notebook)
    raise AssertionError("more points than expected")


def runs(lab: Lab, notebook: str) -> None:
    workload = lab.workload(notebook)
    name = lab.places.container_name(workload.id)
    assert workload.state == "running", (workload.state, workload.message)
    assert lab.backend.starts == [name]
    assert lab.leftovers() == [name, workload.id]
    assert [lease.id for lease in workloads.leases(lab.db)] == [workload.id]
    route = workloads.route_to(lab.db, "n", notebook)
    (held,) = slots.all_held(lab.db)
    assert route is not None and route.upstream == slots.upstream(held.slot)
    link = lab.config.paths.slots / str(held.slot)
    assert held.workload_id == workload.id and link.resolve() == lab.places.socket_dir(workload.id)


def gone(lab: Lab, notebook: str) -> None:
    assert lab.leftovers() == [] and workloads.leases(lab.db) == []
    assert workloads.route_to(lab.db, "n", notebook) is None
    assert len(lab.backend.starts) <= 1 and slots.all_held(lab.db) == []


def stopped(lab: Lab, notebook: str) -> None:
    gone(lab, notebook)
    found = lab.workload(notebook)
    assert (found.state, found.message) == ("stopped", "stopped by ann")


def failed(lab: Lab, notebook: str) -> None:
    gone(lab, notebook)
    assert lab.workload(notebook).reason == "OutOfMemory"


def test_while_it_starts(killer: Killer) -> None:
    points = killed_at_each(killer, lambda lab: begin(lab, image=IMAGE), runs)
    assert points >= 15


def test_while_it_stops(killer: Killer) -> None:
    def story(lab: Lab) -> str:
        notebook = begin(lab)
        lab.settle()
        service.stop(lab.acting("ann"), notebook)
        return notebook

    assert killed_at_each(killer, story, stopped) >= 5


def test_while_it_is_stopped_in_the_middle_of_its_start(killer: Killer) -> None:
    def story(lab: Lab) -> str:
        notebook = begin(lab)
        lab.settle()
        name, workload = lab.container(notebook), lab.workload(notebook)
        lab.backend.remove(name)  # as if it had been killed between create and start
        lab.backend.create(lab.backend.specs[name])
        with database.write(lab.db) as db:
            database.execute(
                db, "UPDATE workloads SET state = 'provisioning' WHERE id = ?", (workload.id,)
            )
        service.stop(lab.acting("ann"), notebook)
        return notebook

    assert killed_at_each(killer, story, stopped) >= 4


def test_while_it_fails(killer: Killer) -> None:
    def story(lab: Lab) -> str:
        notebook = begin(lab)
        lab.settle()
        lab.backend.finish(lab.container(notebook), 137, oom=True)
        return notebook

    assert killed_at_each(killer, story, failed) >= 3


def test_while_an_impossible_one_is_refused(killer: Killer) -> None:
    def refused(lab: Lab, notebook: str) -> None:
        gone(lab, notebook)
        assert lab.workload(notebook).reason == "NeverFits"

    points = killed_at_each(killer, lambda lab: begin(lab, instance_type="C4"), refused)
    assert points >= 1


def test_one_that_ended_while_nobody_looked(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    lab.backend.finish(lab.container(notebook), 127)
    lab.restart()
    lab.settle()
    assert ann.session(notebook).reason == "CommandNotFound"


def test_a_container_that_no_row_knows_goes(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    spec = lab.backend.specs[lab.container(notebook)]
    labels = {**spec.labels, "appliance.workload": "worphan"}
    name = lab.places.container_name("worphan")
    lab.backend.create(type(spec)(**{**vars(spec), "name": name, "labels": labels}))
    lab.backend.start(name)
    lab.settle()
    runs_on = lab.container(notebook)
    assert lab.leftovers() == [runs_on, lab.workload(notebook).id]


class TestReboot:
    """The machine restarts: no container survives, mounts are gone, files stay."""

    @staticmethod
    def reboot(lab: Lab) -> None:
        for container in lab.backend.list():
            lab.backend.remove(container.name)
        for path in socketdir.mounted(lab.config.paths.sockets):
            socketdir.remove(path)
        lab.restart(boot_id="second-boot")
        lab.settle()

    def test_what_ran_is_stopped_with_that_reason(self, lab: Lab, ann: Person) -> None:
        notebook = ann.notebook()
        lab.settle()
        self.reboot(lab)
        found = ann.session(notebook)
        assert (found.state, found.reason) == ("stopped", "MachineRestarted")
        assert workloads.leases(lab.db) == [] and ann.get(notebook).state == "Stopped"

    def test_podman_may_remember_it_as_created(self, lab: Lab, ann: Person) -> None:
        notebook = ann.notebook()
        lab.settle()
        name = lab.container(notebook)
        spec = lab.backend.specs[name]
        lab.backend.remove(name)
        lab.backend.create(spec)
        lab.restart(boot_id="second-boot")
        lab.settle()
        assert ann.session(notebook).reason == "MachineRestarted"
        assert lab.leftovers() == [] and lab.backend.starts == [name]

    def test_what_waited_waits_on_and_gets_its_turn(self, lab: Lab, ann: Person) -> None:
        ann.notebook(name="first", machine_type="C2")
        second = ann.notebook(name="second", machine_type="C2")
        lab.settle()
        self.reboot(lab)
        assert ann.get(second).state == "Running"

    def test_what_was_being_made_is_made(self, lab: Lab, ann: Person) -> None:
        notebook = ann.notebook()
        worker.turn(lab.system)
        lab.supervisor._schedule(lab.db, workloads.live(lab.db))
        assert ann.session(notebook).state == "provisioning"
        self.reboot(lab)
        assert ann.get(notebook).state == "Running"
        lab.backend.remove(lab.container(notebook))
        lab.settle()
        assert (
            ann.session(notebook).reason == "ContainerLost"
        )  # this boot's fault, not the last one's
