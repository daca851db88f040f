"""API keys: made by a user for programs, good in one team, shown once."""

from __future__ import annotations

from appliance.plugins import ApiResource, PluginInfo, hookimpl
from plugins_builtin.api_keys import api

INFO = PluginInfo("api_keys", title="API keys")


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.API_KEYS]
