"""Answers for people: tables, times as one says them, states while one waits. What others typed is never trusted."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.client.document import Document, Operation, Schema, snake

ENDLESS = 100_000  # columns where nobody looks: whoever reads a pipe wants whole lines
MOST_COLUMNS = 6
STEPS = ((60, "second"), (60, "minute"), (24, "hour"), (7, "day"), (4.35, "week"), (12, "month"))
# Colours may stay in a log; what moves the cursor or talks to the terminal may not.
_HOSTILE = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def console(err: bool = False) -> Console:
    """Where to print: as wide as the terminal, or as the longest line."""
    stream = sys.stderr if err else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else ENDLESS,
        highlight=False,
        markup=False,
        emoji=False,
    )


def harmless(line: str) -> str:
    """A line of a log that may be shown on a terminal."""
    return _HOSTILE.sub("\N{REPLACEMENT CHARACTER}", line)


def plain(text: str) -> str:
    """A text on one line, without anything a terminal would obey."""
    return harmless(_COLOUR.sub("", " ".join(text.split())))


def ago(moment: datetime, now: datetime) -> str:
    """`3 minutes ago`, `in 2 days`."""
    seconds = (now - moment).total_seconds()
    size, name = abs(seconds), "year"
    for step, unit in STEPS:
        if size < step:
            name = unit
            break
        size /= step
    count = int(size)
    if name == "second" and count < 5:
        return "just now"
    span = f"{count} {name}{'' if count == 1 else 's'}"
    return f"{span} ago" if seconds > 0 else f"in {span}"


def heading(column: str) -> str:
    """`dtCreated` as `created`, `user.id` as `user id`."""
    parts = [snake(part).removeprefix("dt_").removeprefix("is_") for part in column.split(".")]
    return " ".join(parts).replace("_", " ")


def columns_of(operation: Operation, document: Document) -> list[str]:
    """What a table of these answers shows: as declared, else the first simple fields."""
    if operation.columns and _fits(operation, document):
        return list(operation.columns)
    properties = _properties(operation, document)
    simple = [
        name
        for name, schema in properties.items()
        if document.shape(document.resolve(schema)) in ("string", "integer", "number", "boolean")
    ]
    return simple[:MOST_COLUMNS]


def _fits(operation: Operation, document: Document) -> bool:
    """Whether the columns, which belong to the resource, are those of this answer."""
    properties = _properties(operation, document)
    return all(column.partition(".")[0] in properties for column in operation.columns)


def _properties(operation: Operation, document: Document) -> Schema:
    found: Schema = document.resolve(operation.reply).get("properties", {})
    return found


def table(
    items: Sequence[Any], operation: Operation, document: Document, now: datetime | None = None
) -> Table | Text:
    """Many answers as a table."""
    if not items:
        return Text("none", style="dim")
    columns = columns_of(operation, document)
    found = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        found.add_column(Text(heading(column).upper()), overflow="fold")
    for item in items:
        found.add_row(*(_cell(item, column, operation.reply, document, now) for column in columns))
    return found


def details(
    answer: Any, operation: Operation, document: Document, now: datetime | None = None
) -> Table | Text:
    """One answer: a line per field that says something."""
    if not isinstance(answer, Mapping):
        return Text(_shown(answer, {}, document, now))
    found = Table.grid(padding=(0, 2))
    found.add_column(style="bold")
    found.add_column(overflow="fold")
    known = [name for name in _properties(operation, document) if name in answer]
    for name in dict.fromkeys(
        [*known, *answer]
    ):  # as declared, for people look for the name at the top
        value = answer[name]
        if value not in (None, "", [], {}):
            label = Text(plain(heading(name)))
            found.add_row(label, _cell(answer, name, operation.reply, document, now))
    return found


def _cell(item: Any, column: str, schema: Schema, document: Document, now: datetime | None) -> Text:
    value = item
    for part in column.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
        schema = document.resolve(schema).get("properties", {}).get(part, {})
    text = _shown(value, document.resolve(schema), document, now)
    return Text(text, style=_style(value) if column == "state" else "")


def _shown(value: Any, schema: Schema, document: Document, now: datetime | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        if schema.get("format") == "date-time":
            return ago(datetime.fromisoformat(value), now or datetime.now(UTC))
        return plain(value)
    name = _name_of(value) if isinstance(value, Mapping) else None
    if name:
        return plain(name)
    if isinstance(value, Mapping | list):
        return plain(json.dumps(value, ensure_ascii=False))
    return str(value)


def _name_of(thing: Mapping[str, Any]) -> str | None:
    """What people call something inside an answer: a user by e-mail, anything else with an id by its name."""
    found = thing.get("email") or thing.get("name")
    return found if "id" in thing and isinstance(found, str) else None


def _style(state: Any) -> str:
    word = str(state).lower()
    if word in ("running", "succeeded", "healthy"):
        return "green"
    return "red" if word in ("failed", "error", "errored") else ""
