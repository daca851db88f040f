"""docs/hooks.md: every hook and every contract with its exact signature."""

from __future__ import annotations

import dataclasses
import inspect
from types import FunctionType

from appliance.plugins import contracts
from appliance.plugins.hookspecs import Hooks
from appliance.runtime import spec

HEAD = """# Hooks

What a plugin can do. A plugin is a module with `INFO = PluginInfo(...)` and functions of these names marked
`@hookimpl`; all of it is imported from `appliance.plugins`. Builtins are made of the same hooks: read
`plugins_builtin/projects` first.

- **A package** has an entry point of the group `appliance.plugins`, named like the plugin, that leads to the module.
- **A file** `<data>/plugins/<name>.py`, or a folder `<name>/` with `plugin.py`, belongs to root and is writable by
  root alone.

What is new or changed is tried once, in a process of its own with the web's rights, and taken into use within
seconds: web, stream and worker start again. What fails is off, with its reason on the admin's page *Plugins*. Code of
third parties never runs in the supervisor nor with root's rights; its commands run as the web's uid. Its images are
by reference, not by recipe.

`register_*` hooks are called once at each start and answer a list. The others are called while running.
"""
CONTRACTS = (
    contracts.PluginInfo, contracts.ApiResource, contracts.Verb, contracts.Setting, contracts.Pages, contracts.NavItem,
    contracts.Tab, contracts.Panel, contracts.InstanceType, contracts.Image, contracts.AuthProvider, contracts.Loop,
    contracts.SetupStep, contracts.Searchable, contracts.Hit,
)  # fmt: skip


def text() -> str:
    """The whole page."""
    hooks = [function for name, function in vars(Hooks).items() if not name.startswith("_")]
    parts = [HEAD, *(_hook(function) for function in hooks), "## Contracts\n"]
    parts += [_contract(kind) for kind in (*CONTRACTS, *_others())]
    parts.append(_model(spec.SpecPatch))
    return "\n".join(parts)


def _others() -> list[type]:
    """Contracts that are not in the order above yet."""
    found = [one for one in vars(contracts).values() if dataclasses.is_dataclass(one)]
    return [one for one in found if isinstance(one, type) and one not in CONTRACTS]


def _hook(function: FunctionType) -> str:
    signature = inspect.signature(function)
    named = [one for one in signature.parameters.values() if one.name != "self"]
    shown = signature.replace(parameters=named)
    name = function.__name__
    code = f"@hookimpl\ndef {name}{_plain(shown)}: ..."
    return f"## {name}\n\n```python\n{code}\n```\n\n{inspect.getdoc(function)}\n"


def _contract(kind: type) -> str:
    lines = [f"class {kind.__name__}:"]
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        lines.append(f"    {field.name}: {field.type}{_default(field)}")
    return _block(kind, lines)


def _default(field: dataclasses.Field[object]) -> str:
    if field.default is not dataclasses.MISSING:
        return f" = {field.default!r}"
    made = field.default_factory
    return "" if made is dataclasses.MISSING else f" = {made()!r}"


def _model(kind: type[spec.SpecPatch]) -> str:
    lines = [f"class {kind.__name__}:"]
    for name, field in kind.model_fields.items():
        annotation = kind.__annotations__[name]
        default = (
            "" if field.is_required() else f" = {field.get_default(call_default_factory=True)!r}"
        )
        lines.append(f"    {name}: {annotation}{default}")
    return _block(kind, lines)


def _block(kind: type, lines: list[str]) -> str:
    code = "\n".join(lines)
    return f"### {kind.__name__}\n\n```python\n{code}\n```\n\n{inspect.getdoc(kind)}\n"


def _plain(signature: inspect.Signature) -> str:
    return str(signature).replace("'", "")
