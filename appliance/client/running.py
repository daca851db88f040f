"""Doing what a command says: ask and print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from appliance.client import output
from appliance.client.document import Operation
from appliance.client.sdk import Client
from appliance.errors import ApplianceError


def run(operation: Operation, values: dict[str, Any], asked: dict[str, Any]) -> None:
    """Do one operation. asked: `json`, `limit`, `follow` as far as the command has them."""
    with Client() as client:
        if operation.kind == "log":
            _log(client, operation, values, asked)
        else:
            show(client, operation, answer(client, operation, values, asked), asked)
        keep_up(client)


def answer(
    client: Client, operation: Operation, values: dict[str, Any], asked: dict[str, Any]
) -> Any:
    """The answer as JSON values; all pages of a list as one."""
    if operation.kind != "page":
        return client.operate(operation, values)
    whole: dict[str, Any] = {"items": []}
    for page in client.pages(operation, {**values, "limit": asked.get("limit")}):
        whole = {**page, "items": [*whole["items"], *page["items"]]}
    return whole


def show(client: Client, operation: Operation, found: Any, asked: dict[str, Any]) -> None:
    """Print an answer, as the server sent it or for people."""
    if asked.get("json"):
        click.echo(json.dumps(found, indent=2))
    else:
        output.console().print(drawn(client, operation, found))


def drawn(client: Client, operation: Operation, found: Any) -> Any:
    """An answer as a table or a list of fields."""
    document = client.document
    if operation.kind == "page":
        return output.table(found["items"], operation, document)
    if operation.kind == "list":
        return output.table(found, operation, document)
    return output.details(found, operation, document)


def keep_up(client: Client) -> None:
    """Have the newest document next time; failing at that is no failure of the command."""
    try:
        client.document
    except ApplianceError:
        return


def _log(
    client: Client, operation: Operation, values: dict[str, Any], asked: dict[str, Any]
) -> None:
    follow = bool(asked.get("follow"))
    if asked.get("json"):
        click.echo(json.dumps(client.operate(operation, values), indent=2))
        return
    seen: Callable[[str], str] = output.harmless if output.console().is_terminal else str
    try:
        for line in client.lines(operation, values, follow):
            click.echo(seen(line))
    except KeyboardInterrupt:
        if not follow:
            raise
