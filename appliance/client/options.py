"""Fields of the API as options of a command, and what was typed as values of the API."""

from __future__ import annotations

import functools
import importlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from appliance.client import unseen
from appliance.client.document import Field, Operation, snake

# How fields are called here, where the API kept Gradient's word; the field's own name is accepted as well.
SHOWN = {"machine-type": "instance-type", "container": "image", "environment": "env"}
NUMBERS: Mapping[str, click.ParamType] = {"integer": click.INT, "number": click.FLOAT}
IDS = "_ids"  # the parameter of what stands behind a command; no field is called so
METAVARS = {"mapping": "NAME=VALUE", "structure": "JSON|YAML|@FILE"}
UNSEEN = "TEXT|-|@FILE"


def kebab(name: str) -> str:
    """`projectId`, `project_id` and `project-id` as `project-id`."""
    return snake(name).replace("_", "-")


def names(operation: Operation) -> Mapping[str, str]:
    """The option of each field by the field's kebab-case name, without dashes in front: "project-id" -> "project"."""
    plain = [kebab(field.name) for field in operation.fields]
    found: dict[str, str] = {}
    for field, name in zip(operation.fields, plain):
        short = SHOWN.get(name) or _short(field, name)
        free = short not in plain and short not in found.values() and short not in OWN
        found[name] = short if short and free else name
    return found


def _short(field: Field, name: str) -> str:
    if name.endswith("-id"):
        return name.removesuffix("-id")
    if field.shape == "boolean":
        return name.removeprefix("is-")
    if field.shape == "list":
        return name.removesuffix("s")
    return name


def normalizer(operation: Operation) -> Callable[[str], str]:
    """Makes of every accepted spelling of an option its own: camelCase, the field's name, `id` for what comes first."""
    known = dict(names(operation))
    if operation.ids and "id" not in known:
        known["id"] = known[kebab(operation.ids[0].name)]

    def normalize(name: str) -> str:
        plain = kebab(name)
        if plain.startswith("no-") and plain[3:] in known:
            return f"no-{known[plain[3:]]}"
        return known.get(plain, plain)

    return normalize


def parameters(operation: Operation) -> list[click.Parameter]:
    """Ids by position or by name, one option per field, and what every command of its kind can."""
    found: list[click.Parameter] = []
    shown = names(operation)
    if operation.ids:
        ids = " ".join(f"{snake(field.name).upper()}" for field in operation.ids)
        found.append(click.Argument([IDS], nargs=-1, metavar=ids))
    options = [field for field in operation.options if not _is_paging(operation, field)]
    taken = {kebab(field.name) for field in options}
    for field in operation.ids:
        if kebab(field.name) not in taken:
            found.append(_option(field, shown[kebab(field.name)], hidden=True))
    for field in options:
        found.append(_option(field, shown[kebab(field.name)], hidden=field.ignored))
    return [*found, *(option for name, option in _own(operation).items() if name not in taken)]


def _is_paging(operation: Operation, field: Field) -> bool:
    return operation.kind == "page" and field.name == "limit"


OWN = ("json", "limit", "watch", "wait", "follow", "help")


def _own(operation: Operation) -> dict[str, click.Option]:
    reads = operation.method == "GET" and operation.kind != "log"
    paged = any(_is_paging(operation, field) for field in operation.fields)
    flags = {
        "json": (True, "What the server answered, for programs."),
        "watch": (
            reads,
            "Show it at every change, until Ctrl-C or until nothing is going on; with --json one document a line.",
        ),
        "wait": (bool(operation.until) and not reads, "Come back when it is done."),
        "follow": (operation.kind == "log", "Go on until the log is complete."),
    }
    found = {
        name: click.Option(
            [f"--{name}", *(["-f"] if name == "follow" else [])], is_flag=True, help=text
        )
        for name, (fits, text) in flags.items()
        if fits
    }
    if paged:
        at_least_one = click.IntRange(min=1)
        found["limit"] = click.Option(
            ["--limit"], type=at_least_one, help="How many at most; all if not given."
        )
    return found


def _option(field: Field, shown: str, hidden: bool) -> click.Option:
    given: dict[str, Any] = {"help": _help(field), "hidden": hidden}
    declarations = [f"--{shown}", field.python]
    if _is_unseen(field):
        return click.Option(declarations, metavar=UNSEEN, **given)
    if field.where != "path":
        given["required"] = field.required
    if field.shape == "boolean":
        return click.Option([f"--{shown}/--no-{shown}", field.python], default=None, **given)
    if field.shape in ("mapping", "list"):
        given["multiple"] = True
    if field.shape in METAVARS:
        given["metavar"] = METAVARS[field.shape]
    return click.Option(declarations, type=_type(field), **given)


def _is_unseen(field: Field) -> bool:
    return field.where == "body" and field.schema.get("format") == unseen.FORMAT


def _type(field: Field) -> click.ParamType:
    if field.schema.get("enum"):
        return click.Choice([str(value) for value in field.schema["enum"]])
    if field.shape == "list":
        return NUMBERS.get(field.schema.get("items", {}).get("type", ""), click.STRING)
    return NUMBERS.get(field.shape, click.STRING)


def _help(field: Field) -> str:
    text = str(field.schema.get("description", ""))
    if _is_unseen(field):
        missing = "Asked for if not given; " if field.required else ""
        return f"{text}{'. ' if text else ''}{missing}{unseen.HELP}"
    default = field.schema.get("default")
    if default in (None, "", [], {}) or field.required:
        return text
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"{text} [default: {shown}]".strip()


def values(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, by the API's names; what was not typed is left out. click.UsageError says what is wrong.

    Blocks while it asks for a password, which comes last: nobody types one for a command that is wrong.
    """
    found: dict[str, Any] = _ids(operation, given)
    for field in sorted(operation.options, key=_is_unseen):
        typed = None if _is_paging(operation, field) else given.get(field.python)
        if _is_unseen(field):
            typed = _unseen(field, typed, names(operation)[kebab(field.name)])
        if typed is not None and typed != ():
            found[field.name] = _value(field, typed)
    return found


def _unseen(field: Field, typed: str | None, shown: str) -> str | None:
    if typed is None and not field.required:
        return None
    found = unseen.value(typed, shown.replace("-", " ").capitalize())
    if found is None:
        raise click.MissingParameter(param_hint=f"'--{shown}'", param_type="option")
    return found


def _ids(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    taken = {field.python for field in operation.options}
    named = {
        field.name: given[field.python]
        for field in operation.ids
        if field.python not in taken and given.get(field.python) is not None
    }
    places = [field for field in operation.ids if field.name not in named]
    typed: Sequence[str] = given.get(IDS, ())
    if len(typed) > len(places):
        raise click.UsageError(f"unexpected argument {typed[len(places)]!r}")
    if len(typed) < len(places):
        raise click.UsageError(f"missing {snake(places[len(typed)].name).upper()}")
    found = {**named, **{field.name: value for field, value in zip(places, typed)}}
    for name, value in found.items():
        if not value.strip("."):  # "", "." and ".." would make another path of it
            raise click.UsageError(f"{value!r} is no {snake(name).upper()}")
    return found


def _value(field: Field, typed: Any) -> Any:
    if field.shape == "mapping":
        return _mapping(field, typed)
    if field.shape == "list":
        return list(typed)
    if field.shape == "structure":
        return structure(typed)
    return typed


def _mapping(field: Field, typed: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE, and objects as JSON, YAML or @file, in the order typed."""
    found: dict[str, str] = {}
    for text in typed:
        name, equals, value = text.partition("=")
        if equals and re.fullmatch(r"[\w.-]+", name):
            found[name] = value
            continue
        whole = structure(text)
        if not isinstance(whole, dict):
            raise click.UsageError(f"{text!r} is not NAME=VALUE")
        found.update(whole)
    return found


def structure(text: str) -> Any:
    """JSON or YAML as typed, or from a file when it begins with @ ("@-" is standard input)."""
    if text.startswith("@"):
        try:
            text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"{text[1:]} can't be read: {error}") from None
    try:
        return json.loads(text)
    except ValueError:
        return _yaml(text)


def _yaml(text: str) -> Any:
    yaml = _yaml_module()
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise click.UsageError(f"neither JSON nor YAML: {' '.join(str(error).split())}") from None


@functools.cache
def _yaml_module() -> Any:
    """Loaded by the few commands that are given YAML; the others start faster without."""
    return importlib.import_module("yaml")
