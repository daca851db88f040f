"""From an image's name in the catalogue to the reference that the container engine knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from appliance.plugins.contracts import Image
from appliance.runtime.images import recipe_tag


def reference(images: Mapping[str, Image], name: str) -> str:
    """A catalogue name's reference; any other name is a reference already and stays as it is."""
    image = images.get(name)
    if image is None:
        return name
    if image.recipe is None:
        return image.ref
    base = reference(images, image.parent) if image.parent else ""
    return recipe_tag(image.recipe, image.name, base)


def stand_in(images: Mapping[str, Image], ref: str) -> Image | None:
    """The image of the catalogue for a reference that can't be had, by its repository, whatever the tag."""
    repository = ref.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    repository = repository.removeprefix("docker.io/").removeprefix("library/")
    return next((image for image in images.values() if repository in image.aliases), None)


def to_build(images: Mapping[str, Image], name: str = "") -> Iterator[Image]:
    """Images with a recipe, parents first. name: only this one and those below it."""
    done: set[str] = set()

    def visit(image: Image) -> Iterator[Image]:
        if image.name in done:
            return
        done.add(image.name)
        if image.parent:
            yield from visit(images[image.parent])
        if image.recipe is not None:
            yield image

    for image in [images[name]] if name else images.values():
        yield from visit(image)


def by_reference(images: Mapping[str, Image], ref: str) -> Image | None:
    """The image that is built here under this very name, if there is one."""
    found = (image for image in images.values() if image.recipe is not None)
    return next((image for image in found if reference(images, image.name) == ref), None)
