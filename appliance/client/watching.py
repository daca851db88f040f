"""`--wait` and `--watch`: what a command began, and what goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
from rich.live import Live
from rich.status import Status
from rich.text import Text

from appliance.client import output, running
from appliance.client.document import Operation
from appliance.client.record import Record
from appliance.client.sdk import Client
from appliance.errors import Refused

WATCH_S = 2.0


def run(operation: Operation, values: dict[str, Any], asked: dict[str, Any]) -> None:
    """Do one operation and stay. Refused when what one waited for ended in another state than the wanted one."""
    with Client() as client:
        if asked.get("wait"):
            _wait(client, operation, values, asked)
        else:
            _watch(client, operation, values, asked)
        running.keep_up(client)


def _wait(
    client: Client, operation: Operation, values: dict[str, Any], asked: dict[str, Any]
) -> None:
    record = client.record(operation, client.operate(operation, values))
    with Status("", console=output.console(err=True)) as status:
        found = client.wait(record, progress=lambda seen: status.update(_progress(seen))).to_dict()
    running.show(client, operation, found, asked)
    wanted = operation.until[0]
    if found["state"] != wanted:
        hint = "look at its page or its logs"
        raise Refused(f"{found['id']} is {found['state']}, not {wanted}", hint=hint)


def _progress(record: Record) -> Text:
    found = record.to_dict()
    return Text(output.plain(f"{found['id']} is {found['state']}"))


def _watch(
    client: Client, operation: Operation, values: dict[str, Any], asked: dict[str, Any]
) -> None:
    """Show each answer until Ctrl-C, or until the thing is in a state in which it stays."""
    answers = _answers(client, operation, values, asked)
    try:
        if asked.get("json"):
            _print_changes(answers)
            return
        with Live(console=output.console(), auto_refresh=False) as live:
            for found in answers:
                live.update(running.drawn(client, operation, found), refresh=True)
    except KeyboardInterrupt:
        return


def _answers(
    client: Client, operation: Operation, values: dict[str, Any], asked: dict[str, Any]
) -> Iterator[Any]:
    while True:
        found = running.answer(client, operation, values, asked)
        yield found
        if isinstance(found, dict) and found.get("state") in operation.until:
            return
        client.pause(WATCH_S)


def _print_changes(answers: Iterator[Any]) -> None:
    """For programs: a line of JSON for each answer that is another than the one before."""
    last = ""
    for found in answers:
        line = json.dumps(found)
        if line != last:
            click.echo(line)
        last = line
