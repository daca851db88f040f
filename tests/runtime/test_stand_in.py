"""Images of the catalogue that stand in for those of a registry that does not answer."""

from __future__ import annotations

import pytest

from appliance.runtime import catalogue
from appliance.runtime.backend import BackendError, Halted, Progress, PullLogin, never
from appliance.runtime.fake import FakeBackend
from tests.conftest import MakeLab
from tests.lab import Lab, Person, image, registry


class RegistryAway(FakeBackend):
    """Nobody answers for the registry."""

    def pull(
        self, image: str, timeout_s: float, progress: Progress, login: PullLogin | None = None,
        halt: Halted = never,
    ) -> None:  # fmt: skip
        raise BackendError(f"image {image!r} can't be pulled: no route to host")


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("bash", "base"),
        ("bash:5", "base"),
        ("docker.io/library/bash:5", "base"),
        ("docker.io/bash@sha256:ab", "base"),
        ("paperspace/gradient-base:pt112-tf29", "notebook"),
        ("registry.example.org:5000/bash:5", None),
        ("bashful:5", None),
        ("tensorflow/tensorflow:2.12", None),
        ("", None),
    ],
)
def test_which_one(ref: str, name: str | None) -> None:
    found = catalogue.stand_in(registry().images, ref)
    assert (found and found.name) == name


@pytest.mark.parametrize("backend", [FakeBackend, RegistryAway])
def test_it_runs_and_its_user_is_told(lab_with: MakeLab, backend: type[FakeBackend]) -> None:
    lab = lab_with(backend)
    ann = lab.person("ann")
    notebook = ann.notebook(container="paperspace/gradient-base:pt112")
    lab.settle()
    assert ann.get(notebook).state == "Running"
    assert lab.backend.specs[lab.container(notebook)].image == image("notebook")
    assert "the image notebook of this appliance" in ann.session(notebook).message
    assert "the image notebook of this appliance" in ann.page(f"/notebooks/{notebook.id}")
    ann.act(notebook, "stop")
    lab.settle()
    assert ann.session(notebook).message == "stopped by ann"


def test_a_registry_that_has_it_comes_first(lab: Lab, ann: Person) -> None:
    lab.backend.registry.add("jupyter/base-notebook:1")
    notebook = ann.notebook(container="jupyter/base-notebook:1")
    lab.settle()
    assert lab.backend.specs[lab.container(notebook)].image == "jupyter/base-notebook:1"
    assert not ann.session(notebook).message


def test_no_stand_in_for_others(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook(container="tensorflow/tensorflow:2.12")
    lab.settle()
    assert ann.session(notebook).reason == "ImageNotFound"


def test_the_catalogue_names_them(ann: Person) -> None:
    assert "Stands in for bash, debian, ubuntu" in ann.page("/images")
