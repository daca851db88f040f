"""Recipes become images."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance.errors import Invalid, Unavailable
from appliance.paths import Paths
from appliance.runtime import hostenv, images

RECIPES = Path(__file__).parents[2] / "plugins_builtin/images/recipes"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "run").mkdir()
    return Paths(tmp_path)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "Containerfile").write_text(
        "ARG BASE\nFROM ${BASE}\nRUN . /run/appliance/host.env; echo hi\n"
    )
    return folder


def test_tag_follows_content_names_and_base(recipe: Path) -> None:
    first = images.recipe_tag(recipe, "x", "base:1")
    assert first.startswith("localhost/appliance/x:") and len(first.split(":")[1]) == 12
    (recipe / "__pycache__").mkdir()
    (recipe / "__pycache__" / "x.pyc").write_text("x")
    assert images.recipe_tag(recipe, "x", "base:1") == first
    others = {images.recipe_tag(recipe, "x", "base:2")}
    (recipe / "more").write_text("x")
    others.add(images.recipe_tag(recipe, "x", "base:1"))
    (recipe / "more").rename(recipe / "other")
    others.add(images.recipe_tag(recipe, "x", "base:1"))
    assert len(others | {first}) == 4


def test_recipes_in_the_repository() -> None:
    assert (RECIPES / "base/rootfs.sh").is_file() and (RECIPES / "notebook/Containerfile").is_file()
    subprocess.run(["bash", "-n", str(RECIPES / "base/rootfs.sh")], check=True)


def test_output_is_streamed_and_a_failure_carries_it() -> None:
    lines: list[str] = []
    with pytest.raises(Unavailable, match="exit code 3") as error:
        images.run_streaming(
            ["sh", "-c", "echo one; echo two >&2; exit 3"], os.environ, lines.append, 60
        )
    assert lines == ["one", "two"] and "two" in error.value.message


def test_a_build_that_takes_too_long_is_killed_with_its_children() -> None:
    command = [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '600'])"]
    with pytest.raises(Unavailable, match="took longer than 0.3 s"):
        images.run_streaming(command, os.environ, print, 0.3)


def test_empty_recipe_is_refused(paths: Paths, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="neither"):
        images._commands(tmp_path, "t", tmp_path, hostenv.HostEnv(), "")


@pytest.fixture
def podman(paths: Paths) -> Iterator[Paths]:
    service = pytest.importorskip("appliance.runtime.podman_service")
    service.write_containers_conf(paths, service.detect())
    yield paths
    for tag in paths.root.glob("*.tag"):
        podman_says(paths, "rmi", "--force", tag.read_text())


def podman_says(paths: Paths, *arguments: str) -> str:
    env = os.environ | {"CONTAINERS_CONF": str(paths.containers_conf)}
    result = subprocess.run(
        ["podman", *arguments], env=env, capture_output=True, text=True, check=False
    )
    return result.stdout


def build(paths: Paths, recipe: Path, base: str = "", lines: list[str] | None = None) -> str:
    """The tag is noted before the build, for the fixture to remove it whatever happens."""
    name = "test" + paths.root.parent.name.replace("_", "").lower()[-20:]
    (paths.root / f"{recipe.name}.tag").write_text(images.recipe_tag(recipe, name, base))
    env = hostenv.HostEnv({"GREETING": "it's me"}, hostenv.HOST_CA_BUNDLE)
    seen: list[str] = [] if lines is None else lines
    return images.ensure_recipe_image(recipe, name, paths, env, seen.append, base)


@pytest.fixture
def base(podman: Paths, tmp_path: Path) -> str:
    """A root file system with nothing but this host's shell."""
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "rootfs.sh").write_text(
        "set -e\nroot=$(mktemp -d)\n"
        "libraries=$(ldd /bin/dash | grep -o '/[^ ]*')\n"
        'cp --parents -L /bin/dash $libraries "$root"\n'
        'mkdir -p "$root/usr/bin" && mv "$root/bin/dash" "$root/usr/bin/sh"\n'
        'rmdir "$root/bin" && ln -s usr/bin "$root/bin"\n'
        'mkdir "$root/etc" "$root/proc" "$root/run"\n'
        'tar -C "$root" -cf "$1" . && rm -r "$root"\n'
    )
    return build(podman, folder)


@pytest.mark.containers
def test_built_once_and_nothing_of_the_host_stays(podman: Paths, base: str, recipe: Path) -> None:
    (recipe / "Containerfile").write_text(
        "ARG BASE\nFROM ${BASE}\n"
        "RUN test -s /run/appliance/ca.crt\n"
        'RUN . /run/appliance/host.env && echo "$GREETING" > /seen\n'
    )
    lines: list[str] = []
    with ThreadPoolExecutor() as pool:
        tags = set(pool.map(lambda _: build(podman, recipe, base, lines), range(2)))
    assert len(tags) == 1 and sum(line.startswith("building ") for line in lines) == 1
    (tag,) = tags
    run = ("run", "--rm", "--pull=never", "--network=none", tag, "sh", "-c")
    assert podman_says(podman, *run, 'read line < /seen; echo "$line"') == "it's me\n"
    assert podman_says(podman, *run, "test -s /run/appliance/host.env || echo empty") == "empty\n"
    assert "it's me" not in podman_says(podman, "image", "inspect", tag)


@pytest.mark.containers
def test_a_failed_build_leaves_no_tag_and_can_be_repeated(
    podman: Paths, base: str, recipe: Path
) -> None:
    good = (recipe / "Containerfile").read_text()
    (recipe / "Containerfile").write_text(good + "RUN echo the reason; exit 7\n")
    tag = images.recipe_tag(recipe, "x", base)
    with pytest.raises(Unavailable, match="the reason"):
        build(podman, recipe, base)
    assert not images.image_exists(tag, podman)
    (recipe / "Containerfile").write_text(good)
    assert images.image_exists(build(podman, recipe, base), podman)
