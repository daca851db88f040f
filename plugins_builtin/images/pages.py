"""Pages of images: parse, call the service, render."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from appliance.access import require_user
from appliance.errors import ApplianceError, NotFound
from appliance.web import forms, log_files
from appliance.web.pages import command_line, context, done, fragment, page
from appliance.web.status import status_of
from plugins_builtin.images import service
from plugins_builtin.images.service import Shown
from plugins_builtin.images.specs import ImageBody

FIELDS = ("name", "container", "containerfile")


def blueprint() -> Blueprint:
    pages = Blueprint("images", __name__, template_folder="templates")
    for rule, view, method in (
        ("/images", index, "GET"),
        ("/images/new", new, "GET"),
        ("/images/new", create, "POST"),
        ("/admin/images", local, "GET"),
        ("/admin/images/<local_image_id>/remove", remove, "POST"),
        ("/images/<image_id>", detail, "GET"),
        ("/images/<image_id>/tile", tile, "GET"),
        ("/images/<image_id>/card", card, "GET"),
        ("/images/<image_id>/log/<build_id>", log, "GET"),
        ("/images/<image_id>/build", build, "POST"),
        ("/images/<image_id>/cancel", cancel, "POST"),
        ("/images/<image_id>/delete", delete, "POST"),
    ):
        pages.add_url_rule(rule, view.__name__, view, methods=[method])
    return pages


def shown(image: Shown) -> dict[str, Any]:
    """An image as the templates know it."""
    build, ctx = image.build, context()
    live = build is not None and build.live
    found = ctx.registry.images.get(image.id)
    return {
        "id": image.id,
        "name": image.name,
        "title": image.title,
        "description": image.description,
        "contents": image.contents,
        "aliases": found.aliases if found else (),
        "state": image.state,
        "step": build.step if build and live else "",
        "message": build.message if build and build.state == "failed" else "",
        "changes": build.message if build and build.state == "succeeded" else "",
        "build_id": build.id if build else "",
        "size_bytes": image.local.size_bytes if image.local else None,
        "built_ms": image.local.created_ms if image.local else None,
        "own": image.own,
        "live": live,
        "can_build": not live and image.kind != "commit" and (image.own or image.state != "ready"),
        "can_rebuild": not image.own and image.state == "ready" and ctx.principal.is_admin,
    }


def index() -> str:
    """The catalogue and the team's own, as tiles."""
    ctx = context()
    found = [shown(image) for image in service.images(ctx)]
    return page("images/list.html", "Images", images=found, is_admin=ctx.principal.is_admin)


def tile(image_id: str) -> str:
    """One tile, when it changed."""
    return fragment("images/_tile.html", image=shown(service.get(context(), image_id)))


def card(image_id: str) -> str:
    """Title, state and actions, when they changed."""
    return fragment("images/_card.html", image=shown(service.get(context(), image_id)))


def detail(image_id: str) -> str:
    """One image with the log of its newest build."""
    ctx = context()
    image = service.get(ctx, image_id)
    newest = image.build
    url = f"/images/{image.id}/log/{newest.id}" if newest else ""
    return page(
        "images/detail.html",
        image.title,
        crumbs=[("Images", "/images"), (image.title, None)],
        image=shown(image),
        builds=service.history(ctx, image.id),
        log=log_files.view(ctx.config.paths.logs / newest.id, url) if newest else None,
    )


def log(image_id: str, build_id: str) -> Response:
    """The log of a build as text."""
    ctx = context()
    found = service.build_log(ctx, image_id, build_id)
    if found is None:
        raise NotFound("no such build")
    return log_files.serve(ctx.config.paths.logs / found.id)


def new() -> str:
    """The form of a new image."""
    require_user(context())
    return _new_form({}, {})


def _new_form(values: dict[str, str], errors: dict[str, str]) -> str:
    return page(
        "images/new.html",
        "New image",
        crumbs=[("Images", "/images"), ("New image", None)],
        live=False,
        values={**dict.fromkeys(FIELDS, ""), **values},
        errors=errors,
        cli=command_line(context(), "images create"),
    )


def create() -> Any:
    """Make it, or show the form again with what was typed."""
    values = {key: request.form.get(key, "") for key in FIELDS}
    body, errors = forms.parse(ImageBody, values)
    if body is None:
        return _new_form(values, errors), 400
    try:
        image = service.create(context(), body)
    except ApplianceError as error:
        return _new_form(values, forms.whole(error)), status_of(error)
    return done(f"/images/{image.id}")


def build(image_id: str) -> Any:
    """Build it and show how that goes."""
    found = service.build(context(), image_id, request.form.get("fresh") == "yes")
    return done(f"/images/{found.image}")


def cancel(image_id: str) -> Any:
    """End its build and show it."""
    return done(f"/images/{service.cancel(context(), image_id).id}")


def delete(image_id: str) -> Any:
    """Delete it and go back to the others."""
    return done("/images", f"{service.delete(context(), image_id).name} is deleted.")


def local() -> str:
    """What lies on this machine, for admins."""
    return page(
        "images/local.html",
        "Images on this machine",
        crumbs=[("Images", "/images"), ("On this machine", None)],
        live=False,
        images=service.on_disk(context()),
    )


def remove(local_image_id: str) -> Any:
    """Remove one and show what is left."""
    service.remove_from_disk(context(), local_image_id)
    return done("/admin/images", "It is being removed.")
