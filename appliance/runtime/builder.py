"""Makes the image that a build asks for, by Podman."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from appliance.config import Config
from appliance.errors import Invalid, Unavailable
from appliance.plugins.contracts import Image
from appliance.runtime import images, saved
from appliance.runtime.backend import Backend, Progress
from appliance.runtime.builds import Build
from appliance.runtime.catalogue import reference, to_build
from appliance.runtime.hostenv import HostEnv
from appliance.runtime.images import Halt
from appliance.runtime.places import checked

PULL_TIMEOUT_S = 3 * 3600
OWN_TIMEOUT_S = 3600
SAVE_TIMEOUT_S = 1800
OWN_MEMORY_MIB = 4096
OWN_DISK_BYTES = 30 << 30
DISK_RESERVE_BYTES = 5 << 30
_CPU_PERIOD_US = 100_000
_FROM = re.compile(r"^(\s*FROM\s+)([a-z0-9][a-z0-9-]*)(?=\s|$)", re.IGNORECASE | re.MULTILINE)
_STEP = re.compile(r"STEP (\d+)/(\d+): ")


class Builder(Protocol):
    """Blocking; one thread per build."""

    def build(self, build: Build, progress: Progress, halt: Halt) -> str:
        """Make the image and name it `build.ref`; what there is to say of it. Repeatable. ApplianceError: it did not work.

        progress: gets every line of output. halt: asked again and again, why it must end now.
        """


@dataclass(frozen=True)
class PodmanBuilder:
    """The `Builder` on this machine."""

    config: Config
    backend: Backend
    hostenv: HostEnv
    images: Mapping[str, Image]

    def build(self, build: Build, progress: Progress, halt: Halt) -> str:
        """As the protocol says."""
        watched = DiskWatch(self.config, halt)
        if build.kind == "recipe":
            self._recipe(build, progress, watched)
        elif build.kind == "containerfile":
            cpus = max(1, (os.cpu_count() or 1) // 2)
            memory = f"{OWN_MEMORY_MIB}m"
            limits = [
                f"--memory={memory}",
                f"--memory-swap={memory}",
                f"--cpu-period={_CPU_PERIOD_US}",
            ]
            limits.append(f"--cpu-quota={cpus * _CPU_PERIOD_US}")
            images.build_containerfile(
                self._with_references(build.source), build.ref, self.config.paths, self.hostenv, progress, limits,
                OWN_TIMEOUT_S, watched,
            )  # fmt: skip
        elif build.kind == "pull":
            self.backend.pull(build.source, PULL_TIMEOUT_S, progress, halt=lambda: bool(watched()))
        else:
            return self._save(build, progress, watched)
        return ""

    def _save(self, build: Build, progress: Progress, halt: Halt) -> str:
        """What is installed in a running container, as one layer; the difference to its image in words."""
        name, lines = f"appliance-{self.config.instance}-{checked(build.source)}", list[str]()
        paths = self.config.paths
        inside = ["podman", "exec", name, "/bin/sh", "-c"]

        def run(command: list[str], tell: Progress) -> None:
            images.run_streaming(command, images.environ(paths), tell, SAVE_TIMEOUT_S, halt)

        image = images.inspect("container", name, paths)["Image"]
        config = images.inspect("image", image, paths)["Config"]
        progress("copying what is installed")
        run([*inside, saved.PREPARE], lines.append)
        found = saved.difference(lines)
        for line in found.splitlines():
            progress(line)
        progress("saving the container's files")
        with images.scratch(paths) as folder:
            archive = str(folder / "root.tar")
            run(["/bin/sh", "-c", 'exec "$@" > "$0"', archive, *inside, saved.ARCHIVE], progress)
            run(["podman", "import", *saved.changes(config), archive, build.ref], progress)
        return found

    def _with_references(self, text: str) -> str:
        """A Containerfile may say `FROM data-science`, as notebooks do."""

        def named(match: re.Match[str]) -> str:
            name = match[2]
            return match[1] + (reference(self.images, name) if name in self.images else name)

        return _FROM.sub(named, text)

    def _recipe(self, build: Build, progress: Progress, halt: Halt) -> None:
        """Its parents as well, if they are missing."""
        if build.image not in self.images:
            raise Invalid(f"there is no recipe {build.image} any more")
        for image in to_build(self.images, build.image):
            if image.recipe is not None:
                images.ensure_recipe_image(
                    image.recipe,
                    image.name,
                    self.config.paths,
                    self.hostenv,
                    progress,
                    reference(self.images, image.parent) if image.parent else "",
                    fresh=build.source == "fresh" and image.name == build.image,
                    halt=halt,
                )
        if not self.backend.has_image(build.ref):  # an update of the appliance changed the recipe
            raise Unavailable("its recipe has changed meanwhile", hint="build it again")


@dataclass
class DiskWatch:
    """Asks for an end when the disk gets full, whoever fills it, or a build takes more of it than one should."""

    config: Config
    halt: Halt

    def __post_init__(self) -> None:
        self._free_at_start = self._free()

    def __call__(self) -> str:
        free = self._free()
        if free < DISK_RESERVE_BYTES:
            return "the disk is nearly full"
        if self._free_at_start - free > OWN_DISK_BYTES:
            return f"it took more than {OWN_DISK_BYTES >> 30} GiB of disk"
        return self.halt()

    def _free(self) -> int:
        return shutil.disk_usage(self.config.paths.root).free


def step_of(line: str, image: str) -> str:
    """`image data-science: step 4 of 7` for a line that begins a step, else ""."""
    found = _STEP.match(line)
    return f"image {image}: step {found[1]} of {found[2]}" if found else ""
