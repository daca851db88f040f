"""Doing what a command says: ask, print, wait, watch, follow."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
from rich.live import Live
from rich.status import Status

from appliance.client import output
from appliance.client.document import Operation
from appliance.client.record import Record
from appliance.client.sdk import Client
from appliance.errors import ApplianceError, Refused

WATCH_S = 2.0


def run(operation: Operation, values: dict[str, Any], asked: dict[str, Any]) -> None:
    """Do one operation. asked: `json`, `limit`, `watch`, `wait`, `follow` as far as the command has them."""
    with Client() as client:
        if operation.kind == "log":
            _log(client, operation, values, asked)
        elif asked.get("watch") and not asked.get("json"):
            _watch(client, operation, values, asked)
        else:
            _once(client, operation, values, asked)
        _keep_up(client)


def _keep_up(client: Client) -> None:
    """Have the newest document next time; failing at that is no failure of the command."""
    try:
        client.document
    except ApplianceError:
        return


def _once(
    client: Client, operation: Operation, values: dict[str, Any], asked: dict[str, Any]
) -> None:
    answer = _answer(client, operation, values, asked)
    if asked.get("wait"):
        answer = _wait(client, operation, answer)
    if asked.get("json"):
        click.echo(json.dumps(answer, indent=2))
    else:
        output.console().print(_shown(client, operation, answer))
    if asked.get("wait") and answer.get("state") != operation.until[0]:
        raise Refused(
            f"{answer.get('id')} is {answer.get('state')}, not {operation.until[0]}",
            hint="look at its page or its logs",
        )


def _answer(
    client: Client, operation: Operation, values: dict[str, Any], asked: dict[str, Any]
) -> Any:
    """The answer as JSON values; all pages of a list as one."""
    if operation.kind != "page":
        return client.operate(operation, values)
    whole: dict[str, Any] = {"items": []}
    for page in client.pages(operation, {**values, "limit": asked.get("limit")}):
        whole = {**page, "items": [*whole["items"], *page["items"]]}
    return whole


def _shown(client: Client, operation: Operation, answer: Any) -> Any:
    document = client.document
    if operation.kind == "page":
        return output.table(answer["items"], operation, document)
    if operation.kind == "list":
        return output.table(answer, operation, document)
    return output.details(answer, operation, document)


def _wait(client: Client, operation: Operation, answer: Any) -> Any:
    with Status("", console=output.console(err=True)) as status:
        record = client.record(operation, answer)
        found = client.wait(record, progress=lambda seen: status.update(_progress(seen)))
    return found.to_dict()


def _progress(record: Record) -> str:
    found = record.to_dict()
    return output.plain(f"{found['id']} is {found['state']}")


def _watch(
    client: Client, operation: Operation, values: dict[str, Any], asked: dict[str, Any]
) -> None:
    """Redraw until Ctrl-C, or until the thing is in a state in which it stays."""
    with Live(console=output.console(), auto_refresh=False) as live:
        try:
            while True:
                answer = _answer(client, operation, values, asked)
                live.update(_shown(client, operation, answer), refresh=True)
                if isinstance(answer, dict) and answer.get("state") in operation.until:
                    return
                client.pause(WATCH_S)
        except KeyboardInterrupt:
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
