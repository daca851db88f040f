"""A command, a way to sign in, a first step: the rest of what a plugin can add."""

from __future__ import annotations

from collections.abc import Mapping

import click
from lab_widgets import store

from appliance.commands import admin_context, data_option
from appliance.context import Context
from appliance.errors import Unauthenticated


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
