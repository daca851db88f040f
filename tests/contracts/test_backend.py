"""What every backend keeps. One suite for Podman and for the fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from appliance.clock import ManualClock
from appliance.errors import Unavailable
from appliance.runtime.backend import (
    Backend,
    BackendError,
    Bind,
    Container,
    ContainerSpec,
    ImageNotFound,
    NetworkSpec,
)
from appliance.runtime.fake import (
    DiesAtStart,
    EngineGone,
    FakeBackend,
    ImageMissing,
    NeverHealthy,
    SlowToPull,
    StubbornProgram,
)
from tests.runtime.engine import TestEngine, engine, make_spec, wait_ended

WAITS = "while [ ! -e /ctl/exit ]; do sleep 0.05; done; exit $(cat /ctl/exit)"


class Lab(Protocol):
    """A backend and a way to end a program in it."""

    @property
    def backend(self) -> Backend: ...
    def spec(self, name: str) -> ContainerSpec: ...
    def name(self) -> str: ...
    def finish(self, name: str, code: int) -> Container: ...
    def restart_engine(self) -> None: ...


class FakeLab:
    """Programs end when told to."""

    def __init__(self) -> None:
        self.backend = FakeBackend(ManualClock())
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"w{self._count:04d}"

    def spec(self, name: str) -> ContainerSpec:
        return make_spec(name, Path("/nowhere"), "sh", "-c", WAITS)

    def finish(self, name: str, code: int) -> Container:
        self.backend.finish(name, code)
        ended = self.backend.inspect(name)
        assert ended is not None
        return ended

    def restart_engine(self) -> None:
        """The fake survives by being the same object."""


class PodmanLab:
    """Programs end when a file appears."""

    def __init__(self, made: TestEngine) -> None:
        self._made = made
        self.backend = made.backend

    def name(self) -> str:
        return self._made.name()

    def spec(self, name: str) -> ContainerSpec:
        control = self._made.root / f"{name}.ctl"
        control.mkdir(exist_ok=True)
        bind = Bind(control, "/ctl", read_only=True)
        return self._made.spec(name, "sh", "-c", WAITS, binds=(bind,))

    def finish(self, name: str, code: int) -> Container:
        part = self._made.root / f"{name}.ctl" / "part"
        part.write_text(str(code))
        part.rename(part.with_name("exit"))
        return wait_ended(self._made.backend, name)

    def restart_engine(self) -> None:
        self._made.service.stop()
        assert self._made.service.ensure()


@pytest.fixture(scope="module")
def podman() -> Iterator[PodmanLab]:
    with engine() as made:
        yield PodmanLab(made)


@pytest.fixture(params=["fake", pytest.param("podman", marks=pytest.mark.containers)])
def lab(request: pytest.FixtureRequest) -> Lab:
    if request.param == "fake":
        return FakeLab()
    return request.getfixturevalue("podman")


def test_runs_from_created_to_its_exit_code(lab: Lab) -> None:
    name = lab.name()
    lab.backend.create(lab.spec(name))
    created = lab.backend.inspect(name)
    assert created is not None
    assert (created.state, created.pid, created.exit_code) == ("created", 0, None)
    lab.backend.start(name)
    running = lab.backend.inspect(name)
    assert running is not None and running.state == "running" and running.exit_code is None
    assert running.pid > 0 and running.started_ms is not None and running.finished_ms is None
    ended = lab.finish(name, 3)
    assert (ended.state, ended.exit_code, ended.pid) == ("exited", 3, 0)
    assert ended.finished_ms is not None and ended.finished_ms >= running.started_ms


def test_exit_code_zero_is_not_none(lab: Lab) -> None:
    name = lab.name()
    lab.backend.create(lab.spec(name))
    lab.backend.start(name)
    assert lab.finish(name, 0).exit_code == 0
    (listed,) = [one for one in lab.backend.list() if one.name == name]
    assert (listed.state, listed.exit_code) == ("exited", 0)


def test_same_name_twice_is_one_container(lab: Lab) -> None:
    name = lab.name()
    lab.backend.create(lab.spec(name))
    lab.backend.create(lab.spec(name))
    assert [one.name for one in lab.backend.list()].count(name) == 1


def test_start_twice_is_fine_and_an_ended_one_stays_ended(lab: Lab) -> None:
    name = lab.name()
    lab.backend.create(lab.spec(name))
    lab.backend.start(name)
    lab.backend.start(name)
    before = lab.finish(name, 5)
    lab.backend.start(name)
    assert lab.backend.inspect(name) == before


def test_start_of_an_unknown_one_is_an_error(lab: Lab) -> None:
    with pytest.raises(BackendError):
        lab.backend.start(lab.name())


def test_stop_ends_it_and_can_be_repeated(lab: Lab) -> None:
    name = lab.name()
    lab.backend.create(lab.spec(name))
    lab.backend.start(name)
    lab.backend.stop(name, 1)
    ended = lab.backend.inspect(name)
    assert ended is not None and ended.state == "exited" and ended.exit_code is not None
    lab.backend.stop(name, 1)
    assert lab.backend.inspect(name) == ended
    lab.backend.stop(lab.name(), 1)


def test_stop_of_a_created_one_leaves_it_as_it_is(lab: Lab) -> None:
    name = lab.name()
    lab.backend.create(lab.spec(name))
    lab.backend.stop(name, 1)
    created = lab.backend.inspect(name)
    assert created is not None and created.state == "created"


def test_remove_twice(lab: Lab) -> None:
    name = lab.name()
    lab.backend.create(lab.spec(name))
    lab.backend.start(name)
    lab.backend.remove(name)
    lab.backend.remove(name)
    assert lab.backend.inspect(name) is None
    assert name not in [one.name for one in lab.backend.list()]


def test_unknown_image(lab: Lab) -> None:
    name, missing = lab.name(), "localhost/there-is-no-such-image:9"
    spec = make_spec(name, Path("/nowhere"))
    with pytest.raises(ImageNotFound):
        lab.backend.create(ContainerSpec(**{**vars(spec), "image": missing}))
    assert lab.backend.inspect(name) is None
    assert not lab.backend.has_image(missing)
    with pytest.raises(ImageNotFound):
        lab.backend.image_digest(missing)


def test_pull_of_a_name_that_no_registry_knows(lab: Lab) -> None:
    with pytest.raises(ImageNotFound):
        lab.backend.pull("there-is-no-such-image:9", 30, lambda text: None)


def test_image_digest_is_hex(lab: Lab) -> None:
    assert lab.backend.has_image("localhost/base:1")
    digest = lab.backend.image_digest("localhost/base:1")
    assert len(digest) == 64 and int(digest, 16)


def test_what_an_image_runs_by_itself(lab: Lab) -> None:
    found = lab.backend.image_config("localhost/base:1")
    assert found.entrypoint == () and all(isinstance(part, str) for part in found.command)
    with pytest.raises(ImageNotFound):
        lab.backend.image_config("localhost/there-is-no-such-image:9")


def test_another_entrypoint(lab: Lab) -> None:
    name = lab.name()
    spec = lab.spec(name)
    argv = {"entrypoint": spec.command[:1], "command": spec.command[1:]}
    lab.backend.create(ContainerSpec(**{**vars(spec), **argv}))
    lab.backend.start(name)
    assert lab.finish(name, 6).exit_code == 6


def test_containers_survive_a_restart_of_the_engine(lab: Lab) -> None:
    name = lab.name()
    lab.backend.create(lab.spec(name))
    lab.backend.start(name)
    before = lab.backend.inspect(name)
    lab.restart_engine()
    assert lab.backend.inspect(name) == before
    assert lab.finish(name, 4).exit_code == 4


def test_networks_are_made_once_and_removed_twice(lab: Lab) -> None:
    network = NetworkSpec(f"net-{lab.name()}", "apcontract", "10.207.77.0/24")
    lab.backend.ensure_network(network)
    lab.backend.ensure_network(network)
    with pytest.raises(BackendError):
        lab.backend.ensure_network(NetworkSpec(network.name, "apcontract", "10.207.78.0/24"))
    lab.backend.remove_network(network.name)
    lab.backend.remove_network(network.name)


def test_no_oom_kills_to_begin_with(lab: Lab) -> None:
    name = lab.name()
    lab.backend.create(lab.spec(name))
    for start in (False, True):
        if start:
            lab.backend.start(name)
        container = lab.backend.inspect(name)
        assert container is not None and lab.backend.oom_kills(container) == 0


def test_doubles_fail_in_their_own_way() -> None:
    clock = ManualClock()
    with pytest.raises(BackendError, match="longer than 3 s"):
        SlowToPull(clock).pull("a:1", 3, lambda text: None)
    assert not ImageMissing(clock).has_image("localhost/base:1")
    gone = EngineGone(clock)
    with pytest.raises(Unavailable):
        gone.list()
    gone.gone = False
    assert gone.list() == []
    for double, listening, code in (
        (NeverHealthy(clock), False, None),
        (DiesAtStart(clock), False, 1),
        (StubbornProgram(clock), True, None),
    ):
        double.create(make_spec("w1", Path("/nowhere")))
        double.start("w1")
        container = double.inspect("w1")
        assert container is not None
        assert (double.is_listening("w1"), container.exit_code) == (listening, code)
        double.stop("w1", 0)
    ended = double.inspect("w1")
    assert ended is not None and ended.exit_code == 137
