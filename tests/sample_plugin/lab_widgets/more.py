"""A command, a way to sign in, a first step, a reference: the rest of what a plugin can add."""

from __future__ import annotations

from collections.abc import Mapping

import click
from lab_widgets import store

from appliance.commands import admin_context, data_option
from appliance.context import Context
from appliance.errors import Refused, Unauthenticated
from appliance.plugins import RefScope


@click.command("count-widgets")
@data_option
def count_widgets(data: str | None) -> None:
    """How many widgets there are."""
    click.echo(f"{store.count(admin_context(data).db)} widgets")


def begin(ctx: Context, form: Mapping[str, str]) -> str | None:
    return "/widgets/badge"


def finish(ctx: Context, form: Mapping[str, str], address: str) -> str:
    raise Unauthenticated("no badge, no entry")


def set_up(ctx: Context, environ: Mapping[str, str]) -> Mapping[str, str]:
    return {"widgets": "ready"}


def resolve(ctx: Context, rest: str, scope: RefScope) -> str:
    """`widget:ID` in a project stands for the widget's name."""
    for widget in store.of_projects(ctx.db, [scope.project_id]):
        if widget.id == rest:
            return widget.name
    raise Refused(f"there is no widget {rest} in this project", hint="make one on its page")
