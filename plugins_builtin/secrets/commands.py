"""`appliance secrets …` on the server."""

from __future__ import annotations

import click

from appliance import vault
from appliance.commands import admin_context, data_option


@click.group()
def secrets() -> None:
    """Secrets of teams and projects, and the keys that seal them."""


@secrets.command()
@data_option
def rotate(data: str | None) -> None:
    """Seal all values with a new key and drop the old one.

    Services may go on running. Interrupted, it can be repeated at any time. Keep a copy of secrets.keys apart from
    backups of the database: without it no secret can be read again, with it and the database all can.
    """
    ctx = admin_context(data)
    count = vault.rotate(ctx.db, ctx.keys)
    click.echo(f"{count} values are sealed with a new key: keep a copy of {ctx.keys.ring.path}")
