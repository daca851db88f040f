"""appliance/client/openapi.json: what the client knows before it ever met a server."""

from __future__ import annotations

import json

import click

from appliance.plugins import loader
from appliance.plugins.registry import Registry
from appliance.web import openapi


def text(registry: Registry) -> str:
    """The document of the builtin plugins, its version, and the names of their admin commands."""
    document = openapi.document(registry.api_resources.values())
    admin = {name: summary(command) for name, command in sorted(registry.commands.items())}
    bundle = {"version": openapi.encoded(document)[1], "admin": admin, "document": document}
    return json.dumps(bundle, indent=1) + "\n"


def summary(command: click.Command) -> str:
    """What a command is for, in one line."""
    return command.get_short_help_str(80)


def registry() -> Registry:
    """The builtin plugins."""
    return loader.load()
