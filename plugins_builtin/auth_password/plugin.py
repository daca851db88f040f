"""Passwords: argon2, rate limited; and the first admin."""

from __future__ import annotations

import click
from sqlite_utils import Migrations

from appliance.plugins import AuthProvider, NavItem, Pages, PluginInfo, SetupStep, hookimpl
from plugins_builtin.auth_password import commands, service, store

INFO = PluginInfo("auth_password", title="Password sign-in", requires=("teams",))


@hookimpl
def register_migrations() -> list[Migrations]:
    return [store.migrations]


@hookimpl
def register_auth_providers() -> list[AuthProvider]:
    return [AuthProvider("password", "Sign in", begin=service.begin, finish=service.sign_in)]


@hookimpl
def register_setup() -> list[SetupStep]:
    return [SetupStep("first-admin", service.ensure_first_admin)]


@hookimpl
def register_commands() -> list[click.Command]:
    return [commands.users]


@hookimpl
def register_pages() -> list[Pages]:
    return [
        Pages(
            "plugins_builtin.auth_password.pages:blueprint",
            nav=(NavItem("Users", "users.index", "user", order=100, admin=True),),
        )
    ]
