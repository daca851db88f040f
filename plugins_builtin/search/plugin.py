"""The search box in the top bar."""

from __future__ import annotations

from appliance.plugins import ApiResource, Pages, PluginInfo, hookimpl
from plugins_builtin.search import api

INFO = PluginInfo("search", title="Search")


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.SEARCH]


@hookimpl
def register_pages() -> list[Pages]:
    return [Pages("plugins_builtin.search.pages:blueprint")]
