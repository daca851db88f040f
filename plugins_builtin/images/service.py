"""Use cases of images: the catalogue's, a team's own, and what lies on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from appliance import settings
from appliance.access import require, require_admin
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import Conflict, Forbidden, Invalid, NotFound
from appliance.events import emit
from appliance.ids import new_id
from appliance.plugins import Image, Setting
from appliance.runtime import builds, catalogue, local_images, workloads
from appliance.runtime.backend import LocalImage
from appliance.runtime.builds import OWN, Build
from plugins_builtin.images import store
from plugins_builtin.images.specs import ImageBody, OwnImage

CONTAINERFILES = Setting(
    "images.containerfiles", bool, False,
    "Whether members may build images from Containerfiles, as admins always may. The steps run confined, but with the"
    " host's uids, since Podman builds in no user namespace: for members one trusts.",
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """An image with its newest build and what lies on this machine; either may be missing."""

    id: str
    name: str
    title: str
    description: str
    kind: str
    ref: str
    contents: Sequence[str]
    team_id: str
    build: Build | None
    local: LocalImage | None

    @property
    def state(self) -> str:
        if self.build is not None and self.build.live:
            return self.build.state
        if self.local is not None:
            return "ready"
        failed = self.build is not None and self.build.state in ("failed", "canceled")
        return self.build.state if self.build is not None and failed else "missing"

    @property
    def own(self) -> bool:
        return bool(self.team_id)


def images(ctx: Context) -> list[Shown]:
    """The catalogue, then the images of the principal's team."""
    team_id = require(ctx, "images.list", team_id=ctx.principal.team_id)
    return _all(ctx, team_id)


def choices(ctx: Context, team_id: str) -> list[Shown]:
    """What a notebook of this team can start from, permission checked before."""
    found = ctx.registry.images
    return [
        image for image in _all(ctx, team_id) if image.own or "notebook" in found[image.id].purposes
    ]


def _all(ctx: Context, team_id: str) -> list[Shown]:
    own = store.of_team(ctx.db, team_id)
    names = [*ctx.registry.images, *(image.id for image in own)]
    tried, there = builds.newest_of(ctx.db, names), local_images.by_ref(ctx.db)
    shown = [_shown(ctx, image) for image in ctx.registry.images.values()]
    return [
        Shown(*parts, tried.get(parts[0]), there.get(parts[5]))
        for parts in [*shown, *(_shown_own(image) for image in own)]
    ]


Parts = tuple[str, str, str, str, str, str, Sequence[str], str]


def _shown(ctx: Context, image: Image) -> Parts:
    ref = catalogue.reference(ctx.registry.images, image.name)
    kind = "recipe" if image.recipe else "pull"
    return image.name, image.name, image.title, image.description, kind, ref, image.contents, ""


def _shown_own(image: OwnImage) -> Parts:
    return image.id, image.name, image.name, image.note, image.kind, image.ref, (), image.team_id


def get(ctx: Context, image_id: str, permission: str = "images.get") -> Shown:
    """One of the catalogue, or of a team of the principal, by id or, in the principal's own team, by name."""
    if image_id in ctx.registry.images:
        team_id = require(ctx, permission, team_id=ctx.principal.team_id)
        wanted = image_id
    else:
        found = store.by_id(ctx.db, image_id) or store.find(ctx.db, ctx.principal.team_id, image_id)
        if found is None:
            raise NotFound("no such image", hint="see `images list`")
        team_id, wanted = require(ctx, permission, team_id=found.team_id), found.id
    return next(image for image in _all(ctx, team_id) if image.id == wanted)


def create(ctx: Context, body: ImageBody) -> Shown:
    """A new image of the principal's team, built or pulled at once."""
    team_id = require(ctx, "images.create", team_id=ctx.principal.team_id)
    if bool(body.container) == bool(body.containerfile.strip()):
        raise Invalid("give either a container's reference or a Containerfile")
    if body.container.startswith("localhost/"):
        raise Invalid("an image of this machine needs no registry", hint="use it by its name")
    if body.container:
        kind: builds.Kind = "pull"
        return _add(ctx, team_id, body.name, kind, body.container, body.container)
    if not (ctx.principal.is_admin or settings.get(ctx.db, CONTAINERFILES)):
        raise Forbidden(
            "only admins of this appliance build from Containerfiles",
            hint=f"ask one to build it, or to set {CONTAINERFILES.key}",
        )
    return _add(ctx, team_id, body.name, "containerfile", body.containerfile.replace("\r\n", "\n"))


def save(ctx: Context, session_id: str, name: str, note: str) -> Shown:
    """Save a session's container as an image of its team; the caller has checked the right to open the notebook.

    Conflict unless it runs: what ended has no container any more.
    """
    workload = workloads.get(ctx.db, session_id)
    if workload.state != "running":
        raise Conflict(f"{workload.label} is {workload.state}", hint="start it first")
    return _add(ctx, workload.team_id, name, "commit", session_id, note=note)


def _add(
    ctx: Context, team_id: str, name: str, kind: builds.Kind, source: str, ref: str = "", note: str = ""
) -> Shown:  # fmt: skip
    if name in ctx.registry.images:
        raise Conflict(f"{name} is an image of the catalogue", hint="choose another name")
    image_id = new_id("im")
    # The id is a secret of its team: who does not know it can neither start from this image nor name it in a FROM.
    ref = ref or f"{OWN}/{image_id}:{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    with write(ctx.db) as db:
        user_id = ctx.principal.user_id
        store.insert(
            db, image_id=image_id, team_id=team_id, name=name, kind=kind, source=source, ref=ref,
            note=note or _note(kind, source), user_id=user_id,
        )  # fmt: skip
        builds.submit(
            db, image=image_id, kind=kind, ref=ref, source=source, team_id=team_id, user_id=user_id
        )
        emit(db, "image.created", subject=image_id, team_id=team_id, actor=user_id)
    return get(ctx, image_id)


def _note(kind: str, source: str) -> str:
    return f"From {source}" if kind == "pull" else "From a Containerfile of this team"


def build(ctx: Context, image_id: str, fresh: bool = False) -> Build:
    """Build or pull it, again if need be; the build that is on its way already, if there is one."""
    image = get(ctx, image_id, "images.build")
    if image.kind == "commit":
        raise Conflict("a saved environment can't be built", hint="save it again")
    if image.local is not None and not image.own and image.state == "ready":
        require_admin(ctx)  # everybody's notebooks start from it
    own = store.by_id(ctx.db, image.id)
    source = own.source if own else "fresh" if fresh else ""
    with write(ctx.db) as db:
        build_id = builds.submit(
            db, image=image.id, kind=image.kind, ref=image.ref, source=source,  # type: ignore[arg-type]
            team_id=image.team_id or ctx.principal.team_id, user_id=ctx.principal.user_id,
        )  # fmt: skip
    return builds.get(ctx.db, build_id)


def cancel(ctx: Context, image_id: str) -> Shown:
    """End its build. Repeatable; nothing happens when none is on its way."""
    image = get(ctx, image_id, "images.cancel")
    if image.build is not None and image.build.live:
        if not image.own and image.build.team_id != ctx.principal.team_id:
            require_admin(ctx)  # another team waits for it
        with write(ctx.db) as db:
            builds.request_cancel(db, image.build.id)
    return get(ctx, image.id)


def history(ctx: Context, image_id: str) -> list[Build]:
    """Its builds, newest first."""
    return builds.history(ctx.db, get(ctx, image_id).id)


def build_log(ctx: Context, image_id: str, build_id: str = "") -> Build | None:
    """The build whose log this principal may read: the newest one if none is named, None if there never was any."""
    image = get(ctx, image_id, "images.logs")
    if not build_id:
        return image.build
    found = builds.get(ctx.db, build_id)
    if found.image != image.id:
        raise NotFound("no such build")
    return found


def delete(ctx: Context, image_id: str) -> Shown:
    """Delete an image of a team; Conflict while something runs from it or waits for it."""
    image = get(ctx, image_id, "images.delete")
    if not image.own:
        raise Conflict(
            "this image belongs to the catalogue", hint="an admin can remove it from this machine"
        )
    with write(ctx.db) as db:
        _refuse_used(db, image)
        store.delete(db, image.id)
        if image.build is not None and image.build.live:
            builds.request_cancel(db, image.build.id)
        if image.local is not None and image.kind != "pull":  # others may use what a registry has
            local_images.want_removed(db, image.local.id)
        emit(
            db,
            "image.deleted",
            subject=image.id,
            team_id=image.team_id,
            actor=ctx.principal.user_id,
        )
    return image


def _refuse_used(db: Db, image: Shown) -> None:
    for workload in workloads.live(db):
        spec = workload.final if workload.final_json else workload.spec
        if spec.image == image.ref and workload.team_id == image.team_id:
            raise Conflict(f"{workload.label} runs from it", hint="stop it first")


def reference(ctx: Context, team_id: str, name: str) -> str:
    """What the engine calls an image: of the catalogue, of the team by name or id, else the reference that it is itself.

    Invalid for another team's own image.
    """
    if name in ctx.registry.images:
        return catalogue.reference(ctx.registry.images, name)
    own = store.find(ctx.db, team_id, name)
    if own is not None:
        return own.ref
    if name.startswith(f"{OWN}/"):
        by_ref = (image for image in store.of_team(ctx.db, team_id) if image.ref == name)
        if next(by_ref, None) is None:
            raise Invalid("no such image in this team", hint="see `images list`")
    return name


@dataclass(frozen=True)
class OnDisk:
    """kept: the catalogue or a team wants it, whether it runs or not."""

    row: local_images.Row
    kept: bool


def on_disk(ctx: Context) -> list[OnDisk]:
    """Every image on this machine, largest first; for admins of the appliance."""
    require_admin(ctx)
    wanted = store.all_refs(ctx.db)
    wanted |= {catalogue.reference(ctx.registry.images, name) for name in ctx.registry.images}
    found = local_images.all_rows(ctx.db)
    return [OnDisk(item, any(ref in wanted for ref in item.image.refs)) for item in found]


def remove_from_disk(ctx: Context, local_image_id: str) -> OnDisk:
    """Ask for an image's removal; Conflict when a container or a team needs it. The disk is free a moment later."""
    require_admin(ctx)
    row = local_images.get(ctx.db, local_image_id)
    if row.image.used:
        raise Conflict("a container is made of it", hint="stop what runs from it first")
    if any(ref in store.all_refs(ctx.db) for ref in row.image.refs):
        raise Conflict("a team keeps it as its own image", hint="delete that image first")
    with write(ctx.db) as db:
        local_images.want_removed(db, local_image_id)
    return next(item for item in on_disk(ctx) if item.row.image.id == local_image_id)
