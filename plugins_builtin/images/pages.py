"""The catalogue as tiles."""

from __future__ import annotations

from flask import Blueprint

from appliance.access import require_user
from appliance.runtime import catalogue
from appliance.web.pages import context, page


def blueprint() -> Blueprint:
    pages = Blueprint("images", __name__, template_folder="templates")
    pages.add_url_rule("/images", "index", index)
    return pages


def index() -> str:
    """What notebooks can start from."""
    ctx = context()
    require_user(ctx)
    tiles = [
        {
            "name": image.name,
            "title": image.title,
            "description": image.description,
            "aliases": image.aliases,
            "ref": catalogue.reference(ctx.registry.images, image.name),
        }
        for image in ctx.registry.images.values()
    ]
    return page("images/list.html", "Images", live=False, images=tiles)
