"""What admin commands of plugins need: the option `--data`, and a context that acts as the appliance itself."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from appliance import boot
from appliance import config as config_module
from appliance.config import Config
from appliance.context import Context
from appliance.paths import Paths

data_option = click.option(
    "--data",
    envvar="APPLIANCE_DATA",
    metavar="DIR",
    help="Data directory; /var/lib/appliance if not given.",
)


def plugin_commands(argv: Sequence[str]) -> dict[str, click.Command]:
    """Commands of third-party plugins. Root becomes web's uid first, for good: their code never runs as root.

    argv: the whole command line, for `--data` must be known before a command can be.
    """
    data = config_module.data_dir(_data_of(argv))
    if not Paths(data).config.exists():
        return {}
    become_web(config_module.load(data))
    return dict(boot.boot_with_plugins(data).registry.commands)


def _data_of(argv: Sequence[str]) -> str | None:
    for word, following in zip(argv, (*argv[1:], None)):
        if word == "--data":
            return following
        if word.startswith("--data="):
            return word.removeprefix("--data=")
    return None


def become_web(config: Config) -> None:
    """Give up root's rights, if this is root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(config.web_uid, config.web_uid, config.web_uid)
        os.setresuid(config.web_uid, config.web_uid, config.web_uid)


def admin_context(data: str | None) -> Context:
    """A context for a command typed by somebody who can read the data directory, which is root."""
    appliance = boot.boot(config_module.data_dir(data))
    return appliance.context()
