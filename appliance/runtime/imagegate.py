"""Whether a workload's image is there; if not, whether somebody builds it. Nothing is leased while it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from appliance.db import Db, write
from appliance.plugins.contracts import Image
from appliance.runtime import builds, catalogue
from appliance.runtime.backend import Backend
from appliance.runtime.workloads import Workload


@dataclass(frozen=True)
class Verdict:
    """words: what it waits for, or why it can't start."""

    state: Literal["ready", "wait", "failed"]
    words: str = ""


READY = Verdict("ready")


def look(db: Db, backend: Backend, images: Mapping[str, Image], workload: Workload) -> Verdict:
    """What to do with a queued workload; asks for a build where one is missing. What a registry has is ready: it is pulled.

    Unavailable while the engine is away.
    """
    ref = workload.final.image
    recipe, newest = catalogue.by_reference(images, ref), builds.newest(db, ref)
    if (recipe is None and newest is None) or backend.has_image(ref):
        return READY
    if newest is None and recipe is not None:
        return _ask(db, workload, recipe.name, "recipe", "")
    assert newest is not None
    if newest.live:
        return Verdict("wait", _words(newest.step, newest.image))
    if newest.kind == "pull":  # by reference: the workload's own pull says what is wrong
        return READY
    if newest.kind == "commit":
        return Verdict("failed", "this saved environment is not on this machine any more")
    if newest.created_ms >= workload.created_ms:  # for this very start, or for one beside it
        why = newest.message or "it was built and is gone again"
        return Verdict("failed", f"image {newest.image} could not be built: {why}")
    source = newest.source if newest.kind == "containerfile" else ""
    return _ask(db, workload, newest.image, newest.kind, source)


def _ask(db: Db, workload: Workload, image: str, kind: builds.Kind, source: str) -> Verdict:
    with write(db):
        builds.submit(
            db, image=image, kind=kind, ref=workload.final.image, source=source,
            team_id=workload.team_id, user_id=workload.user_id,
        )  # fmt: skip
    return Verdict("wait", _words("", image))


def _words(step: str, image: str) -> str:
    return f"building {step or f'image {image}'}"
