"""Images that are built here, so that no registry is needed; others by name."""

from __future__ import annotations

from sqlite_utils import Migrations

from appliance.plugins import (
    ApiResource,
    Image,
    NavItem,
    Pages,
    PluginInfo,
    Setting,
    hookimpl,
)
from plugins_builtin.images import api, catalogue, service, store

INFO = PluginInfo("images", title="Images")


@hookimpl
def register_migrations() -> list[Migrations]:
    return [store.migrations]


@hookimpl
def register_settings() -> list[Setting]:
    return [service.CONTAINERFILES]


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.IMAGES, api.LOCAL_IMAGES]


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
