"""Teams and roles: a team owns projects, storage, limits; a member works in it."""

from __future__ import annotations

import click

from appliance.plugins import ApiResource, NavItem, Pages, PluginInfo, Searchable, hookimpl
from plugins_builtin.teams import api, commands, service

INFO = PluginInfo("teams", title="Teams")


@hookimpl
def register_api_resources() -> list[ApiResource]:
    return [api.TEAMS]


@hookimpl
def register_pages() -> list[Pages]:
    return [
        Pages(
            "plugins_builtin.teams.pages:blueprint",
            nav=(NavItem("Team", "teams.members", "users", order=80),),
        )
    ]


@hookimpl
def register_commands() -> list[click.Command]:
    return [commands.teams]


@hookimpl
def register_search() -> list[Searchable]:
    return [Searchable("teams", service.search)]
