"""Images that are built here, so that no registry is needed; others by name."""

from __future__ import annotations

from appliance.plugins import Image, NavItem, Pages, PluginInfo, hookimpl
from plugins_builtin.images import catalogue

INFO = PluginInfo("images", title="Images")


@hookimpl
def register_images() -> list[Image]:
    return list(catalogue.IMAGES)


@hookimpl
def register_pages() -> list[Pages]:
    return [
        Pages(
            "plugins_builtin.images.pages:blueprint",
            nav=(NavItem("Images", "images.index", "photo", order=40),),
        )
    ]
