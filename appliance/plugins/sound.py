"""Whether contributions are what their contracts say: a plugin that hands out junk is named at boot, not by a page."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from appliance.errors import PluginError
from appliance.plugins.contracts import ApiResource, Setting
from appliance.plugins.hookspecs import Hooks

PLAIN: Mapping[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
}


def items(plugin: str, hook: str, answer: Any) -> list[Any]:
    """What a `register_*` hook answered, each item of the declared type with fields of theirs. PluginError if not."""
    wanted = typing.get_args(typing.get_type_hints(getattr(Hooks, hook))["return"])[0]
    if not isinstance(answer, list):
        raise PluginError(f"{plugin}: {hook} must answer a list, not {_short(answer)}")
    for item in answer:
        if not isinstance(item, wanted):
            raise PluginError(f"{plugin}: {hook} must list {wanted.__name__}, not {_short(item)}")
        check_fields(plugin, item)
    return answer


def check_fields(plugin: str, item: Any) -> None:
    """PluginError names the first field, of the item or of those inside it, that has another type."""
    if not is_dataclass(item):
        return
    for field in fields(item):
        value, kind = getattr(item, field.name), str(field.type)
        fits = (
            isinstance(value, PLAIN[kind])
            if kind in PLAIN
            else (
                callable(value) or (kind.endswith("| str") and isinstance(value, str))
                if kind.startswith("Callable")
                else True
            )
        )
        if kind.startswith("tuple"):
            fits = isinstance(value, tuple)
            for inner in value if fits else ():
                check_fields(plugin, inner)
        if not fits:
            where = f"{type(item).__name__}.{field.name}"
            raise PluginError(f"{plugin}: {where} must be {kind}, not {_short(value)}")
    if isinstance(item, Setting) and type(item.default) is not item.type:
        raise PluginError(
            f"{plugin}: the default of {item.key} is not of its type, {item.type.__name__}"
        )


def check_routes(resources: Iterable[ApiResource]) -> None:
    """PluginError when two verbs have one address: the first would hide the other."""
    seen: dict[tuple[str, str], str] = {}
    for resource in resources:
        for verb in resource.verbs:
            name = f"{resource.name}.{verb.name}"
            other = seen.setdefault((verb.method, re.sub(r"{\w+}", "{}", verb.path)), name)
            if other != name:
                raise PluginError(f"{other} and {name} are both {verb.method} {verb.path}")


def _short(value: Any) -> str:
    return f"{type(value).__name__} {value!r:.60}"
