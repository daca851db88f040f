"""Projects of a team."""

from __future__ import annotations

from sqlite_utils import Migrations

from appliance.plugins import ApiResource, NavItem, Pages, PluginInfo, Searchable, Tab, hookimpl
from plugins_builtin.projects import api, service, store

INFO = PluginInfo("projects", title="Projects", requires=("teams",))


@hookimpl
def register_migrations() -> list[Migrations]:
    return [store.migrations]


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.PROJECTS, api.TAGS, api.COLLABORATORS, api.ACTIVITY, api.THINGS]


@hookimpl
def register_pages() -> list[Pages]:
    nav = NavItem("Projects", "projects.index", "folder", order=10)
    return [
        Pages(
            "plugins_builtin.projects.pages:blueprint",
            nav=(nav,),
            tabs=(Tab("Settings", "projects.settings", order=90),),
        )
    ]


@hookimpl
def register_search() -> list[Searchable]:
    return [Searchable("projects", service.search)]
