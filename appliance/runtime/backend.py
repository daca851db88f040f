"""Where containers run: the narrow contract that Podman and the fake both keep.

Every call is repeatable: asking for what is already so is no error. Every call ends within its own timeout
(`BackendTimeout`), and tells failures apart that a user can cure from those they can't.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from appliance.errors import ApplianceError

Progress = Callable[[str], None]
Halted = Callable[[], bool]


def never() -> bool:
    """For what nobody stops."""
    return False


class BackendError(ApplianceError):
    """The engine said no; the message is its own words, shortened."""


class BackendTimeout(BackendError):
    """The engine did not answer in time; what it was doing may still happen."""


class ImageNotFound(BackendError):
    """No image by this name here or at a registry."""


@dataclass(frozen=True)
class Bind:
    """A bind mount, already resolved to a directory or file of the host by the supervisor."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class PullLogin:
    """Who we are for a registry."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class ImageConfig:
    """What an image runs by itself: command are its entrypoint's arguments, or a program where there is no entrypoint."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]


@dataclass(frozen=True)
class ContainerSpec:
    """What the backend is told to run. Everything in it is decided; the backend only translates.

    name: unique on the host; the one guard against a workload that runs twice.
    uid_start: first host id of the user namespace (65,536 ids), container root is this id.
    network: name of a network made by `ensure_network`, or "" for none at all.
    log_path: raw log file in conmon's k8s-file format, readable by root only.
    hosts: names to put into /etc/hosts. devices: CDI names. entrypoint: the image's own where it is empty.
    """

    name: str
    image: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    labels: Mapping[str, str]
    binds: tuple[Bind, ...]
    workdir: str
    uid_start: int
    network: str
    log_path: Path
    cpu_milli: int
    memory_mib: int
    shm_mib: int
    pids: int
    stop_timeout_s: int = 10
    hosts: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()


ContainerState = Literal["created", "running", "exited"]


@dataclass(frozen=True)
class Container:
    """A container as seen now. pid: of its init, 0 when it does not run. exit_code: None until it ended.

    oom_killed: the engine's or the kernel's word that the memory limit was hit; False may be ignorance.
    """

    name: str
    state: ContainerState
    labels: Mapping[str, str]
    pid: int = 0
    exit_code: int | None = None
    started_ms: int | None = None
    finished_ms: int | None = None
    oom_killed: bool = False


@dataclass(frozen=True)
class NetworkSpec:
    """A team's bridge. interface: at most 15 characters. subnet: like 10.192.1.0/24."""

    name: str
    interface: str
    subnet: str


@dataclass(frozen=True)
class LocalImage:
    """An image on this machine. refs: its names, none for a nameless one. used: by any container, whoever made that."""

    id: str
    refs: tuple[str, ...]
    size_bytes: int
    created_ms: int
    used: bool


LocalImages = list[LocalImage]  # inside the class `list` is the method


class Backend(Protocol):
    """Blocking; safe to call from several threads."""

    def list(self) -> list[Container]:
        """Every container with this instance's label, whatever its state. Milliseconds."""

    def inspect(self, name: str) -> Container | None:
        """One container, or None. Fills `oom_killed`, which `list` may leave False."""

    def has_image(self, image: str) -> bool:
        """Whether a container can be made of it without any pull."""

    def image_digest(self, image: str) -> str:
        """The image's id (sha256 hex). ImageNotFound."""

    def image_config(self, image: str) -> ImageConfig:
        """What the image runs by itself. ImageNotFound."""

    def pull(
        self,
        image: str,
        timeout_s: float,
        progress: Progress,
        login: PullLogin | None = None,
        halt: Halted = never,
    ) -> None:
        """Fetch from a registry. ImageNotFound, BackendTimeout, BackendError with the registry's words.

        halt: asked again and again, also of another thread while the registry is silent; Unavailable once it is true.
        """

    def local_images(self) -> LocalImages:
        """Every image on this machine that has a name or belongs to no other. Fractions of a second."""

    def remove_image(self, image: str) -> None:
        """Delete an image by its id or a name; gone already is fine. BackendError while a container is made of it."""

    def create(self, spec: ContainerSpec) -> None:
        """Make it, not started. A container of that name already there counts as success. ImageNotFound."""

    def start(self, name: str) -> None:
        """Start it; already running is fine. BackendError if its command can't be executed."""

    def stop(self, name: str, timeout_s: float) -> None:
        """TERM, then KILL after timeout_s. Gone or ended already is fine. Blocks until it ended."""

    def remove(self, name: str) -> None:
        """Kill and delete it with its writable layer; gone already is fine."""

    def ensure_network(self, network: NetworkSpec) -> None:
        """Make the isolated bridge if it is not there."""

    def remove_network(self, name: str) -> None:
        """Delete a network; gone already is fine."""

    def oom_kills(self, container: Container) -> int:
        """How often the kernel killed inside its memory limit, while it runs; 0 when unknown. Microseconds."""
