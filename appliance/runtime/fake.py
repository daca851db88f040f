"""Containers that exist in memory only, and doubles that fail in one named way each.

It outlives a restart of the supervisor by being the same object, as Podman outlives it by being a
process.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from appliance.clock import Clock
from appliance.errors import Unavailable
from appliance.runtime.backend import (
    BackendError,
    BackendTimeout,
    Container,
    ContainerSpec,
    Halted,
    ImageConfig,
    ImageNotFound,
    LocalImage,
    LocalImages,
    NetworkSpec,
    Progress,
    PullLogin,
    never,
)
from appliance.runtime.builds import Build

Containers = list[Container]  # inside the class `list` is the method

_TERM_EXIT, _KILL_EXIT = 143, 137
_NOBODYS_PIDS = 1 << 30  # more than the kernel gives out: whoever looks them up finds no process


class FakeBackend:
    """A `Backend` in memory. Programs run until `finish` or `stop`; they obey TERM.

    images: on this machine. registry: can be pulled. configs: of images that run something else than a shell.
    logins: what each pull came with.
    """

    def __init__(
        self,
        clock: Clock,
        images: Iterable[str] = ("localhost/base:1",),
        registry: Iterable[str] = (),
    ) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._pids = itertools.count(_NOBODYS_PIDS)
        self._containers: dict[str, Container] = {}
        self._oom_kills: dict[str, int] = {}
        self.images = set(images)
        self.registry = set(registry)
        self.configs: dict[str, ImageConfig] = {}
        self.logins: list[PullLogin | None] = []
        self.specs: dict[str, ContainerSpec] = {}
        self.networks: dict[str, NetworkSpec] = {}
        self.starts: list[str] = []

    def list(self) -> Containers:
        with self._lock:
            return [*self._containers.values()]

    def inspect(self, name: str) -> Container | None:
        with self._lock:
            return self._containers.get(name)

    def has_image(self, image: str) -> bool:
        return image in self.images

    def image_digest(self, image: str) -> str:
        if image not in self.images:
            raise ImageNotFound(f"there is no image {image!r} on this machine")
        return hashlib.sha256(image.encode()).hexdigest()

    def image_config(self, image: str) -> ImageConfig:
        self.image_digest(image)  # ImageNotFound
        return self.configs.get(image, ImageConfig((), ("bash",)))

    def pull(
        self,
        image: str,
        timeout_s: float,
        progress: Progress,
        login: PullLogin | None = None,
        halt: Halted = never,
    ) -> None:
        self.logins.append(login)
        progress(f"Trying to pull {image}...")
        if image not in self.registry:
            raise ImageNotFound(f"image {image!r} was not found: manifest unknown")
        self.images.add(image)

    def local_images(self) -> LocalImages:
        with self._lock:
            used = {self.specs[name].image for name in self._containers}
            return [
                LocalImage(self.image_digest(ref), (ref,), 1 << 20, 0, ref in used)
                for ref in sorted(self.images)
            ]

    def remove_image(self, image: str) -> None:
        for found in self.local_images():
            if image in (found.id, *found.refs):
                if found.used:
                    raise BackendError("image is in use by a container")
                self.images -= set(found.refs)

    def create(self, spec: ContainerSpec) -> None:
        with self._lock:
            if spec.name in self._containers:
                return
            if not self.has_image(spec.image):
                raise ImageNotFound(f"there is no image {spec.image!r} on this machine")
            if spec.network and spec.network not in self.networks:
                raise BackendError(f"unable to find network {spec.network}")
            self.specs[spec.name] = spec
            self._containers[spec.name] = Container(spec.name, "created", dict(spec.labels))

    def start(self, name: str) -> None:
        with self._lock:
            container = self._containers.get(name)
            if container is None:
                raise BackendError(f"no container with name {name!r}")
            if container.state != "created":
                return
            self.starts.append(name)
            self._containers[name] = replace(
                container, state="running", pid=next(self._pids), started_ms=self._clock.now_ms()
            )

    def stop(self, name: str, timeout_s: float) -> None:
        with self._lock:
            container = self._containers.get(name)
            if container is not None and container.state == "running":
                self.finish(name, _TERM_EXIT)

    def remove(self, name: str) -> None:
        with self._lock:
            self._containers.pop(name, None)
            self._oom_kills.pop(name, None)

    def ensure_network(self, network: NetworkSpec) -> None:
        with self._lock:
            if self.networks.setdefault(network.name, network) != network:
                raise BackendError(f"network {network.name} exists with another address range")

    def remove_network(self, name: str) -> None:
        with self._lock:
            if any(self.specs[one].network == name for one in self._containers):
                raise BackendError(f"network {name} is being used")
            self.networks.pop(name, None)

    def oom_kills(self, container: Container) -> int:
        with self._lock:
            running = container.state == "running" and container.name in self._containers
            return self._oom_kills.get(container.name, 0) if running else 0

    def finish(self, name: str, exit_code: int, oom: bool = False) -> None:
        """The program ends by itself, or at its memory limit (exit_code should be 137 then)."""
        with self._lock:
            self._containers[name] = replace(
                self._containers[name],
                state="exited",
                pid=0,
                exit_code=exit_code,
                finished_ms=self._clock.now_ms(),
                oom_killed=oom,
            )

    def kill_inside(self, name: str) -> None:
        """The kernel kills one process in there at the memory limit; the main process lives on."""
        with self._lock:
            self._oom_kills[name] = self._oom_kills.get(name, 0) + 1

    def is_listening(self, name: str) -> bool:
        """What a prober would find: somebody listens as soon as it runs."""
        container = self.inspect(name)
        return container is not None and container.state == "running"


class SlowToPull(FakeBackend):
    """Every pull runs into its timeout."""

    def pull(
        self,
        image: str,
        timeout_s: float,
        progress: Progress,
        login: PullLogin | None = None,
        halt: Halted = never,
    ) -> None:
        progress(f"Trying to pull {image}...")
        raise BackendTimeout(f"the container engine took longer than {timeout_s:g} s")


class NeverHealthy(FakeBackend):
    """Containers run, nobody ever listens."""

    def is_listening(self, name: str) -> bool:
        return False


class DiesAtStart(FakeBackend):
    """The program ends with exit code 1 as soon as it is started."""

    def start(self, name: str) -> None:
        already = name in self.starts
        super().start(name)
        if not already:
            self.finish(name, 1)


class BrokenContainer(FakeBackend):
    """The first `broken` containers can't be started, as after an engine that was killed in the middle of a start."""

    broken = 1

    def start(self, name: str) -> None:
        if self.broken:
            self.broken -= 1
            raise BackendError("OCI runtime error: runc start: exit status 1")
        super().start(name)


class ImageMissing(FakeBackend):
    """There is no image, here or anywhere."""

    def has_image(self, image: str) -> bool:
        return False

    def pull(
        self,
        image: str,
        timeout_s: float,
        progress: Progress,
        login: PullLogin | None = None,
        halt: Halted = never,
    ) -> None:
        raise ImageNotFound(f"image {image!r} was not found: manifest unknown")


class StubbornProgram(FakeBackend):
    """Programs ignore TERM, so that a stop ends with KILL."""

    def stop(self, name: str, timeout_s: float) -> None:
        container = self.inspect(name)
        if container is not None and container.state == "running":
            self.finish(name, _KILL_EXIT)


class EngineGone(FakeBackend):
    """The engine can't be reached while `gone` is true; what ran goes on running."""

    gone = True

    def __getattribute__(self, name: str) -> object:
        if name in _BACKEND_CALLS and object.__getattribute__(self, "gone"):
            raise Unavailable("the container engine can't be reached")
        return object.__getattribute__(self, name)


_BACKEND_CALLS = frozenset(
    (
        "list inspect has_image image_digest image_config pull local_images remove_image create start stop remove"
        " ensure_network"
        " remove_network oom_kills"
    ).split()
)


class FakeBuilder:
    """A `Builder` that names images of a fake engine; `broken` images fail at their second step."""

    def __init__(self, backend: FakeBackend, broken: Iterable[str] = ()) -> None:
        self._backend = backend
        self.broken = set(broken)
        self.built: list[str] = []

    def build(self, build: Build, progress: Progress, halt: Callable[[], str]) -> str:
        progress("STEP 1/2: FROM base")
        progress("STEP 2/2: RUN make")
        if halt():
            raise Unavailable(f"podman was killed: {halt()}")
        if build.image in self.broken:
            raise Unavailable("podman failed with exit code 2:\nmake: no rule")
        self.built.append(build.image)
        if build.kind == "pull":
            self._backend.pull(build.source, 60, progress)
        self._backend.images.add(build.ref)
        return "+ pip cowsay 6.1" if build.kind == "commit" else ""
