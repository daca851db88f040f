"""Recipes become images."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
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
    with pytest.raises(Unavailable, match="killed after"):
        images.run_streaming(command, os.environ, print, 0.3)


def test_empty_recipe_is_refused(paths: Paths, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="neither"):
        images._commands(tmp_path, "t", tmp_path, hostenv.HostEnv(), "")


@pytest.fixture
def podman(paths: Paths) -> Iterator[Paths]:
    paths.containers_conf.write_text(os.environ.get("TEST_CONTAINERS_CONF", ""))
    yield paths


def has_base() -> bool:
    return (
        subprocess.run(["podman", "image", "exists", "localhost/base:1"], check=False).returncode
        == 0
    )
