"""Images that the appliance builds itself, from recipe folders: no registry is needed.

A recipe folder holds either `rootfs.sh`, which writes a root file system as a tar to its first
argument, or `Containerfile`, which gets the image below it as the build argument BASE. A RUN step
that goes online starts with `. /run/appliance/host.env`: proxies, package indexes and the host's CA
bundle, none of which stay in the image.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from appliance.errors import Invalid, Unavailable
from appliance.paths import Paths
from appliance.runtime.backend import Progress
from appliance.runtime.hostenv import CONTAINER_CA_BUNDLE, CONTAINER_ENV_FILE, HostEnv

BUILD_TIMEOUT_S = 3600.0
_SHOWN_LINES = 20


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
) -> str:
    """The tag of the recipe's image, built if missing. Blocks for minutes; one build at a time.

    base: tag of the image that a Containerfile builds on. progress: gets the output line by line.
    Unavailable carries the last lines of a build that failed or took longer than timeout_s.
    """
    tag = recipe_tag(recipe, name, base)
    if image_exists(tag, paths):
        return tag
    with _one_builder(paths):
        if not image_exists(tag, paths):  # whoever held the lock may have built it
            progress(f"building {tag}")
            _build(recipe, tag, paths, hostenv, progress, base, timeout_s)
    return tag


def image_exists(tag: str, paths: Paths) -> bool:
    """Whether Podman holds this tag. Fractions of a second."""
    command = ["podman", "image", "exists", tag]
    result = subprocess.run(
        command, env=_environ(paths), capture_output=True, text=True, timeout=60, check=False
    )
    if result.returncode > 1:
        raise Unavailable(
            f"podman can't read its images: {result.stderr.strip()}", hint="appliance doctor"
        )
    return result.returncode == 0


def _environ(paths: Paths) -> dict[str, str]:
    return os.environ | {"CONTAINERS_CONF": str(paths.containers_conf)}


@contextmanager
def _one_builder(paths: Paths) -> Iterator[None]:
    with open(paths.run / "build.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(
    recipe: Path,
    tag: str,
    paths: Paths,
    hostenv: HostEnv,
    progress: Progress,
    base: str,
    timeout_s: float,
) -> None:
    # Below the data directory: /tmp may be a small tmpfs, and a base image's tar is 250 MB.
    with tempfile.TemporaryDirectory(prefix="build-", dir=paths.run) as folder:
        scratch = Path(folder)
        scratch.chmod(0o711)  # apt downloads as a user of its own
        for command in _commands(recipe, tag, scratch, hostenv, base):
            run_streaming(command, _environ(paths) | {"TMPDIR": folder}, progress, timeout_s)


def _commands(
    recipe: Path, tag: str, scratch: Path, hostenv: HostEnv, base: str
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
    environment = scratch / "host.env"
    environment.write_text(hostenv.shell())
    mounts = [f"--volume={environment}:{CONTAINER_ENV_FILE}:ro"]
    if hostenv.ca_bundle:
        mounts.append(f"--volume={hostenv.ca_bundle}:{CONTAINER_CA_BUNDLE}:ro")
    # --layers=false: one layer on top of the base, and no half-built ones kept after a failure.
    command = [
        "podman",
        "build",
        "--force-rm",
        "--layers=false",
        "--pull=missing",
        "--http-proxy=false",
    ]
    return [[*command, *mounts, f"--build-arg=BASE={base}", f"--tag={tag}", str(recipe)]]


def run_streaming(
    command: Sequence[str], environ: Mapping[str, str], progress: Progress, timeout_s: float
) -> None:
    """Run to the end, output line by line to progress. Unavailable with the last if it fails."""
    last: deque[str] = deque(maxlen=_SHOWN_LINES)
    with subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        killer = threading.Timer(timeout_s, os.killpg, (process.pid, signal.SIGKILL))
        killer.start()
        try:
            for line in process.stdout or ():
                last.append(line.rstrip())
                progress(last[-1])
            code = process.wait()
        finally:
            killer.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if code == -signal.SIGKILL:
        raise Unavailable(
            f"{command[0]} was killed after {timeout_s:.0f} s", hint="is the network slow?"
        )
    if code != 0:
        tail = "\n".join(last)
        raise Unavailable(
            f"{command[0]} failed with exit code {code}:\n{tail}", hint="cure it and start again"
        )
