"""A Podman service of the test's own: socket, networks and instance id are thrown away."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.paths import Paths
from appliance.runtime.backend import Container, ContainerSpec
from appliance.runtime.podman import PodmanBackend
from appliance.runtime.podman_service import PodmanService, detect, write_containers_conf

IMAGE = "localhost/base:1"
UID_START = (1 << 30) + (7 << 16)


@dataclass
class TestEngine:
    """The backend on a running service, and names that clash with nobody's."""

    __test__ = False

    root: Path
    instance: str
    service: PodmanService
    backend: PodmanBackend
    networks: list[str] = field(default_factory=list)

    def name(self) -> str:
        return "wt" + secrets.token_hex(5)

    def spec(self, name: str, *command: str, **changes: object) -> ContainerSpec:
        return make_spec(name, self.root / f"{name}.log", *command, **changes)

    def run(self, name: str, *command: str, **changes: object) -> Container:
        """Create, start, wait for its end."""
        self.backend.create(self.spec(name, *command, **changes))
        self.backend.start(name)
        return wait_ended(self.backend, name)

    def output(self, name: str) -> str:
        """What it printed, without the log driver's prefixes."""
        lines = (self.root / f"{name}.log").read_text().splitlines()
        return "\n".join(line.split(" ", 3)[3] for line in lines)


def make_spec(name: str, log: Path, *command: str, **changes: object) -> ContainerSpec:
    """A small container without network."""
    values: dict[str, object] = {
        "name": name,
        "image": IMAGE,
        "command": command,
        "env": {},
        "labels": {},
        "binds": (),
        "workdir": "/",
        "uid_start": UID_START,
        "network": "",
        "log_path": log,
        "cpu_milli": 1000,
        "memory_mib": 128,
        "shm_mib": 16,
        "pids": 100,
    }
    return ContainerSpec(**{**values, **changes})  # type: ignore[arg-type]


def wait_ended(backend: PodmanBackend, name: str) -> Container:
    """Poll for a minute; tests fail on the assertion, not on the clock."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        container = backend.inspect(name)
        if container is not None and container.state == "exited":
            return container
        time.sleep(0.05)
    raise AssertionError(f"{name} did not end: {backend.inspect(name)}")


@contextmanager
def engine() -> Iterator[TestEngine]:
    """Everything that it made is gone at the end."""
    root = Path(tempfile.mkdtemp(prefix="ap"))
    paths = Paths(root)
    paths.run.mkdir()
    write_containers_conf(paths, detect())
    service = PodmanService(paths.podman_socket, paths.containers_conf, root / "engine.log")
    service.ensure()
    instance = secrets.token_hex(3)
    made = TestEngine(root, instance, service, PodmanBackend(paths.podman_socket, instance))
    try:
        yield made
    finally:
        service.ensure()
        for container in made.backend.list():
            made.backend.remove(container.name)
        for network in made.networks:
            made.backend.remove_network(network)
        service.stop()
        remove_busy_tree(root)


def remove_busy_tree(root: Path) -> None:
    """Delete it although the last container's cleanup process may still write into it."""
    ends = time.monotonic() + 20
    while root.exists():
        shutil.rmtree(root, ignore_errors=time.monotonic() < ends)
