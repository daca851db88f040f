"""Signing in by programs, and who one is."""

from __future__ import annotations

from appliance.plugins import ApiResource, Pages, PluginInfo, hookimpl
from plugins_builtin.account import api

INFO = PluginInfo("account", title="Account", requires=("api_keys", "auth_password", "teams"))


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.AUTH]


@hookimpl
def register_pages() -> list[Pages]:
    return [Pages("plugins_builtin.account.pages:blueprint")]
