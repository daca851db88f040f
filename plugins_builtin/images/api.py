"""Images at the API."""

from __future__ import annotations

from appliance.context import Context
from appliance.plugins import PEOPLE, ApiResource, Verb
from appliance.runtime import logs
from appliance.runtime.builds import Build
from appliance.schema import LogPart, LogQuery
from plugins_builtin.images import service
from plugins_builtin.images.service import OnDisk, Shown
from plugins_builtin.images.specs import (
    BuildBody,
    BuildReply,
    ImageBody,
    ImageReply,
    LocalImageReply,
)

LOG_BYTES = 1 << 18


def shown(image: Shown) -> ImageReply:
    live = image.build is not None and image.build.live
    return ImageReply(
        id=image.id,
        name=image.name,
        title=image.title,
        description=image.description,
        container=image.name if image.kind != "pull" else image.ref,
        kind=image.kind,
        state=image.state,
        step=image.build.step or None if image.build and live else None,
        message=image.build.message or None if image.build else None,
        size_bytes=image.local.size_bytes if image.local else None,
        contents=list(image.contents),
        own=image.own,
        dt_built=image.local.created_ms if image.local else None,
    )


def shown_build(build: Build) -> BuildReply:
    return BuildReply(
        id=build.id,
        image_id=build.image,
        state=build.state,
        step=build.step or None,
        message=build.message or None,
        dt_created=build.created_ms,
        dt_started=build.started_ms,
        dt_finished=build.ended_ms,
    )


def _shown_local(found: OnDisk) -> LocalImageReply:
    image = found.row.image
    return LocalImageReply(
        id=image.id,
        names=list(image.refs),
        size_bytes=image.size_bytes,
        used=image.used,
        kept=found.kept,
        message=found.row.message or None,
        dt_created=image.created_ms,
    )


def _list(ctx: Context) -> list[ImageReply]:
    return [shown(image) for image in service.images(ctx)]


def _create(ctx: Context, body: ImageBody) -> ImageReply:
    return shown(service.create(ctx, body))


def _get(ctx: Context, image_id: str) -> ImageReply:
    return shown(service.get(ctx, image_id))


def _build(ctx: Context, image_id: str, body: BuildBody) -> BuildReply:
    return shown_build(service.build(ctx, image_id, body.fresh))


def _cancel(ctx: Context, image_id: str) -> ImageReply:
    return shown(service.cancel(ctx, image_id))


def _builds(ctx: Context, image_id: str) -> list[BuildReply]:
    return [shown_build(build) for build in service.history(ctx, image_id)]


def _logs(ctx: Context, image_id: str, query: LogQuery) -> LogPart:
    build = service.build_log(ctx, image_id)
    if build is None:
        return LogPart(text="", next=0, ended=True)
    text, following = logs.tail(ctx.config.paths.logs / build.id, query.offset, LOG_BYTES)
    ended = not build.live and not text
    return LogPart(text=text.decode(errors="replace"), next=following, ended=ended)


def _delete(ctx: Context, image_id: str) -> ImageReply:
    return shown(service.delete(ctx, image_id))


def _list_local(ctx: Context) -> list[LocalImageReply]:
    return [_shown_local(found) for found in service.on_disk(ctx)]


def _remove_local(ctx: Context, local_image_id: str) -> LocalImageReply:
    return _shown_local(service.remove_from_disk(ctx, local_image_id))


IMAGES = ApiResource(
    "images",
    id_prefix="im",
    spec=ImageReply,
    title="Images",
    columns=("id", "name", "kind", "state", "sizeBytes", "dtBuilt"),
    verbs=(
        Verb("list", "GET", "/images", _list, by=PEOPLE, summary="The catalogue and the images of the team"),
        Verb(
            "create", "POST", "/images", _create, body=ImageBody, by=PEOPLE,
            summary="New image of the team, by reference or from a Containerfile",
        ),
        Verb(
            "get", "GET", "/images/{image_id}", _get, by=PEOPLE, words="images details", summary="One image",
        ),
        Verb(
            "build", "POST", "/images/{image_id}/build", _build, body=BuildBody, by=PEOPLE,
            summary="Build or pull an image, again if need be",
        ),
        Verb("cancel", "POST", "/images/{image_id}/cancel", _cancel, by=PEOPLE, summary="End its build"),
        Verb(
            "builds", "GET", "/images/{image_id}/builds", _builds, permission="images.get", by=PEOPLE,
            summary="Every build of an image that is kept, newest first",
        ),
        Verb(
            "logs", "GET", "/images/{image_id}/logs", _logs, query=LogQuery, by=PEOPLE,
            summary="The log of its newest build",
        ),
        Verb("delete", "DELETE", "/images/{image_id}", _delete, by=PEOPLE, summary="Delete an image of the team"),
    ),
)  # fmt: skip

LOCAL_IMAGES = ApiResource(
    "local_images",
    id_prefix="",
    spec=LocalImageReply,
    title="Images on this machine, with the disk that they take",
    words="images local",
    columns=("id", "names", "sizeBytes", "used", "kept"),
    verbs=(
        Verb(
            "list", "GET", "/local-images", _list_local, access="admin", by=PEOPLE,
            summary="Images on this machine, largest first",
        ),
        Verb(
            "remove", "DELETE", "/local-images/{local_image_id}", _remove_local, access="admin", by=PEOPLE,
            summary="Remove an image that nothing uses",
        ),
    ),
)  # fmt: skip
