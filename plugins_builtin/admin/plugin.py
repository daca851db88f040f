"""Plugins, settings and health, for admins of the appliance."""

from __future__ import annotations

from appliance.plugins import ApiResource, NavItem, Pages, PluginInfo, Searchable, hookimpl
from plugins_builtin.admin import api, service

INFO = PluginInfo("admin", title="Administration")


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.PLUGINS, api.SETTINGS, api.STATUS]


@hookimpl
def register_pages() -> list[Pages]:
    nav = (
        NavItem("Plugins", "admin.plugins", "plug", order=92, admin=True),
        NavItem("Settings", "admin.settings", "settings", order=94, admin=True),
        NavItem("Health", "admin.health", "heart-rate-monitor", order=96, admin=True),
    )
    return [Pages("plugins_builtin.admin.pages:blueprint", nav=nav)]


@hookimpl
def register_search() -> list[Searchable]:
    return [Searchable("administration", service.search)]
