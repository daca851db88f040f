"""Images that the appliance builds itself, from recipe folders: no registry is needed.

A recipe folder holds either `rootfs.sh`, which writes a root file system as a tar to its first
argument, or `Containerfile`, which gets the image below it as the build argument BASE. A RUN step
that goes online starts with `. /run/appliance/host.env`: proxies, package indexes and the host's CA
bundle, none of which stay in the image.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from appliance.errors import Invalid, Unavailable
from appliance.paths import Paths
from appliance.runtime.backend import Progress
from appliance.runtime.hostenv import CONTAINER_CA_BUNDLE, CONTAINER_ENV_FILE, HostEnv

BUILD_TIMEOUT_S = 3600.0
ABANDONED_S = 24 * 3600
_SHOWN_LINES = 20
_LOOK_S = 0.5

Halt = Callable[[], str]  # why a build must end now, "" while it may go on

# A killed `podman build` leaves its steps running. In a process namespace of its own they end with it, and it ends with
# whoever started it.
_TOGETHER = ("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc")  # fmt: skip

# Podman 4.3 can't build in a user namespace over ordinary images (the layers stay the host's root's, so nothing can be
# written) and knows no no-new-privileges for builds. What can be taken away is: apt needs none of these.
_DROPPED = ("AUDIT_WRITE", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT")


def recipe_tag(recipe: Path, name: str, base: str = "") -> str:
    """`localhost/appliance/<name>:<12 hex>`; the digits say what files and base it is made of."""
    digest = hashlib.sha256(f"{base}\n".encode())
    for path in sorted(recipe.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(recipe)}\0{content}\n".encode())
    return f"localhost/appliance/{name}:{digest.hexdigest()[:12]}"


def ensure_recipe_image(
    recipe: Path,
    name: str,
    paths: Paths,
    hostenv: HostEnv,
    progress: Progress,
    base: str = "",
    timeout_s: float = BUILD_TIMEOUT_S,
    fresh: bool = False,
    halt: Halt = lambda: "",
) -> str:
    """The tag of the recipe's image, built if missing. Blocks for minutes; one build at a time.

    base: tag of the image that a Containerfile builds on. progress: gets the output line by line. fresh: build it
    although it is there. Unavailable carries the last lines of a build that failed, took longer than timeout_s or
    was told to halt.
    """
    tag = recipe_tag(recipe, name, base)
    if image_exists(tag, paths) and not fresh:
        return tag
    with _one_builder(paths):
        if fresh or not image_exists(tag, paths):  # whoever held the lock may have built it
            progress(f"building {tag}")
            with scratch(paths) as folder:
                for command in _commands(recipe, tag, folder, hostenv, base, fresh):
                    env = environ(paths) | {"TMPDIR": str(folder)}
                    run_streaming([*_TOGETHER, *command], env, progress, timeout_s, halt)
    return tag


def build_containerfile(
    text: str,
    tag: str,
    paths: Paths,
    hostenv: HostEnv,
    progress: Progress,
    limits: Sequence[str],
    timeout_s: float,
    halt: Halt,
) -> None:
    """Build a Containerfile that a user wrote, of an empty folder. Blocks; one build at a time. Unavailable as above.

    limits: options of podman build for memory and processors.
    """
    with _one_builder(paths), scratch(paths) as folder:
        context = folder / "context"
        context.mkdir()
        (folder / "Containerfile").write_text(text)
        command = [*_podman_build(folder, hostenv), *limits]
        command += [f"--cap-drop={name}" for name in _DROPPED]
        command += [f"--tag={tag}", f"--file={folder / 'Containerfile'}", str(context)]
        env = environ(paths) | {"TMPDIR": str(folder)}
        run_streaming([*_TOGETHER, *command], env, progress, timeout_s, halt)


def image_exists(tag: str, paths: Paths) -> bool:
    """Whether Podman holds this tag. Fractions of a second."""
    command = ["podman", "image", "exists", tag]
    result = subprocess.run(
        command, env=environ(paths), capture_output=True, text=True, timeout=60, check=False
    )
    if result.returncode > 1:
        raise Unavailable(
            f"podman can't read its images: {result.stderr.strip()}", hint="appliance doctor"
        )
    return result.returncode == 0


def inspect(kind: Literal["container", "image"], name: str, paths: Paths) -> dict[str, Any]:
    """All that Podman knows of one. Unavailable when it knows none."""
    command = ["podman", kind, "inspect", name]
    done = subprocess.run(
        command, env=environ(paths), capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise Unavailable(f"podman says: {done.stderr.strip()[-400:]}", hint="is it still running?")
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def environ(paths: Paths) -> dict[str, str]:
    """For `podman` on the command line."""
    return os.environ | {"CONTAINERS_CONF": str(paths.containers_conf)}


@contextmanager
def _one_builder(paths: Paths) -> Iterator[None]:
    with open(paths.run / "build.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_abandoned(paths)
        yield


def _remove_abandoned(paths: Paths) -> None:
    """Working containers that killed builds left in the storage: a build of somebody else's is not a day old."""
    command = ["podman", "ps", "--all", "--external", "--format=json"]
    env = environ(paths)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    for item in json.loads(done.stdout or "[]") if done.returncode == 0 else ():
        if item["Command"] == ["buildah"] and time.time() - item["Created"] > ABANDONED_S:
            command = ["podman", "rm", "--force", item["Id"]]
            subprocess.run(command, env=env, capture_output=True, timeout=120, check=False)


@contextmanager
def scratch(paths: Paths) -> Iterator[Path]:
    """A folder for the length of a block."""
    # Below the data directory: /tmp may be a small tmpfs, and a base image's tar is 250 MB.
    with tempfile.TemporaryDirectory(prefix="build-", dir=paths.run) as folder:
        Path(folder).chmod(0o711)  # apt downloads as a user of its own
        yield Path(folder)


def _commands(
    recipe: Path, tag: str, scratch: Path, hostenv: HostEnv, base: str, fresh: bool = False
) -> list[list[str]]:
    """The tag appears with the last command's success: nothing half-built ever carries it."""
    if (recipe / "rootfs.sh").is_file():
        tar = str(scratch / "rootfs.tar")
        return [
            ["bash", str(recipe / "rootfs.sh"), tar],
            ["podman", "import", "--change", "ENV LANG=C.UTF-8", "--change", "CMD bash", tar, tag],
        ]
    if not (recipe / "Containerfile").is_file():
        raise Invalid(f"{recipe} has neither rootfs.sh nor Containerfile")
    command = _podman_build(scratch, hostenv) + (["--no-cache"] if fresh else [])
    return [[*command, f"--build-arg=BASE={base}", f"--tag={tag}", str(recipe)]]


def _podman_build(scratch: Path, hostenv: HostEnv) -> list[str]:
    environment = scratch / "host.env"
    environment.write_text(hostenv.shell())
    mounts = [f"--volume={environment}:{CONTAINER_ENV_FILE}:ro"]
    if hostenv.ca_bundle:
        mounts.append(f"--volume={hostenv.ca_bundle}:{CONTAINER_CA_BUNDLE}:ro")
    # --layers=false: one layer on top of the base, no half-built ones kept after a failure, and no cache of steps that
    # one team could fill for another.
    options = ["--force-rm", "--layers=false", "--pull=missing", "--http-proxy=false"]
    return ["podman", "build", *options, *mounts]


def run_streaming(
    command: Sequence[str],
    env: Mapping[str, str],
    progress: Progress,
    timeout_s: float,
    halt: Halt = lambda: "",
) -> None:
    """Run to the end, output line by line to progress. Unavailable with the last if it fails.

    halt: asked twice a second, in a thread of its own; its first answer kills the command.
    """
    last: deque[str] = deque(maxlen=_SHOWN_LINES)
    with subprocess.Popen(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        watch = _Watch(process.pid, timeout_s, halt)
        watch.start()
        try:
            for line in process.stdout or ():
                last.append(line.rstrip())
                progress(last[-1])
            code = process.wait()
        finally:
            watch.done.set()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if watch.reason:
        raise Unavailable(f"{command[0]} was killed: {watch.reason}", hint="start it again")
    if code != 0:
        tail = "\n".join(last)
        raise Unavailable(
            f"{command[0]} failed with exit code {code}:\n{tail}", hint="cure it and start again"
        )


class _Watch(threading.Thread):
    """Kills a process group when its time is over or somebody says so. reason: why it did, "" if it did not."""

    def __init__(self, group: int, timeout_s: float, halt: Halt) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self.reason = ""
        self._group, self._timeout_s, self._halt = group, timeout_s, halt

    def run(self) -> None:
        ends = time.monotonic() + self._timeout_s
        while not self.done.wait(min(_LOOK_S, max(0.0, ends - time.monotonic()))):
            late = f"it took longer than {self._timeout_s:g} s" if time.monotonic() >= ends else ""
            self.reason = late or self._halt()
            if self.reason:
                with suppress(ProcessLookupError):  # it ended by itself a moment ago
                    os.killpg(self._group, signal.SIGKILL)
                return
