"""What admin commands of plugins need: the option `--data`, and a context that acts as the appliance itself."""

from __future__ import annotations

import click

from appliance import boot
from appliance import config as config_module
from appliance.context import Context

data_option = click.option(
    "--data",
    envvar="APPLIANCE_DATA",
    metavar="DIR",
    help="Data directory; /var/lib/appliance if not given.",
)


def admin_context(data: str | None) -> Context:
    """A context for a command typed by somebody who can read the data directory, which is root."""
    appliance = boot.boot(config_module.data_dir(data))
    return appliance.context()
