"""The `appliance` program: the processes, admin commands from plugins, and first aid."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from appliance import config as config_module
from appliance.errors import ApplianceError

data_option = click.option(
    "--data", envvar="APPLIANCE_DATA", help="Data directory; /var/lib/appliance if not given."
)


class Program(click.Group):
    """Shows errors of the domain as one line with the next step, and exits with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ApplianceError as error:
            click.echo(f"appliance: {error}", err=True)
            ctx.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_plugin_commands()})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, name) or _plugin_commands().get(name)


def _plugin_commands() -> dict[str, click.Command]:
    from appliance.plugins import (  # not at the top: the processes' own commands start faster without it
        loader,
    )

    return dict(loader.load().commands)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="appliance")
def program() -> None:
    """One GPU server as a research lab's own Gradient."""


def main() -> None:
    """Entry point."""
    program(prog_name="appliance")
