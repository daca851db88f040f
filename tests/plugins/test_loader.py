"""Plugins that don't fit: each is named before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from appliance.context import Context
from appliance.errors import PluginError
from appliance.events import Event
from appliance.plugins import ApiResource, InstanceType, Pages, PluginInfo, Setting, Verb, hookimpl
from appliance.plugins.loader import build, builtin_modules
from appliance.plugins.registry import Registry
from appliance.runtime.spec import SpecPatch
from appliance.runtime.workloads import Workload
from appliance.schema import Reply


def plugin(name: str, *requires: str, api: int = 1, **hooks: Callable[..., Any]) -> ModuleType:
    module = ModuleType(name)
    vars(module)["INFO"] = PluginInfo(name, title=name, requires=requires, api_version=api)
    for hook, function in hooks.items():
        setattr(module, hook, hookimpl(function))
    return module


def load(*modules: ModuleType) -> Registry:
    return build({str(number): module for number, module in enumerate(modules)})


def test_builtins_load_and_what_they_require_comes_first() -> None:
    found = build(builtin_modules("plugins_builtin"))
    names = [info.name for info in found.plugins]
    assert "notebooks" in names
    for info in found.plugins:
        assert all(names.index(one) < names.index(info.name) for one in info.requires)


def test_order_does_not_depend_on_the_file_system() -> None:
    modules = [plugin("c"), plugin("a", "z"), plugin("z"), plugin("b")]
    orders = [[info.name for info in load(*some).plugins] for some in (modules, modules[::-1])]
    assert orders[0] == orders[1] == ["z", "a", "b", "c"]


def test_a_clash_names_both() -> None:
    def types() -> list[InstanceType]:
        return [InstanceType("C1", 1000, 1024)]

    with pytest.raises(PluginError, match="one and two both register 'C1'"):
        load(
            plugin("one", register_instance_types=types),
            plugin("two", register_instance_types=types),
        )


def test_two_plugins_of_one_name() -> None:
    with pytest.raises(PluginError, match="same"):
        load(plugin("same"), plugin("same"))


def test_one_permission_has_one_role() -> None:
    def resource(name: str, role: Any) -> Callable[[], list[ApiResource]]:
        verb = Verb("get", "GET", f"/{name}", lambda ctx: {}, permission="things.get", role=role)
        return lambda: [ApiResource(name, "x", Reply, (verb,))]

    with pytest.raises(PluginError, match="things.get"):
        load(
            plugin("a", register_api_resources=resource("strict", "admin")),
            plugin("b", register_api_resources=resource("lax", "member")),
        )


def test_pages_have_no_key_and_never_clash() -> None:
    pages = Pages(blueprint=lambda: None)  # type: ignore[arg-type, return-value]
    found = load(
        plugin("a", register_pages=lambda: [pages, pages]),
        plugin("b", register_pages=lambda: [pages]),
    )
    assert len(found.pages) == 3


def test_a_circle_is_shown() -> None:
    with pytest.raises(PluginError, match="a -> b -> c -> a"):
        load(plugin("a", "b"), plugin("b", "c"), plugin("c", "a"))


def test_a_missing_requirement_names_both() -> None:
    with pytest.raises(PluginError, match="a requires ghost"):
        load(plugin("a", "ghost"))


def test_an_unknown_hook_is_named() -> None:
    with pytest.raises(PluginError, match="register_typos"):
        load(plugin("a", register_typos=lambda: []))


def test_a_hook_with_unknown_arguments_is_named() -> None:
    with pytest.raises(PluginError, match="nonsense"):
        load(plugin("a", on_event=lambda ctx, event, nonsense: None))


def test_another_version_is_named() -> None:
    with pytest.raises(PluginError, match="a is written for API 2, this is 1"):
        load(plugin("a", api=2))


def test_after_boot_nothing_can_be_added() -> None:
    found = load(plugin("a", register_settings=lambda: [Setting("k", int, 1, "help")]))
    with pytest.raises(TypeError):
        found.settings["x"] = found.settings["k"]  # type: ignore[index]


def test_conversations_go_in_the_order_of_requirements() -> None:
    heard: list[str] = []

    def extend(name: str) -> Callable[[Context, Workload], SpecPatch | None]:
        return lambda ctx, workload: SpecPatch(env={name: "1"}) if name != "mute" else None

    def hear(name: str) -> Callable[[Context, Event], None]:
        return lambda ctx, event: heard.append(name)

    names = ("zoo", "able", "mute", "last")
    needs = {"able": ("zoo",), "last": ("mute",)}
    found = load(
        *(
            plugin(name, *needs.get(name, ()), extend_workload=extend(name), on_event=hear(name))
            for name in names
        )
    )
    order = [info.name for info in found.plugins]
    assert order == ["zoo", "able", "mute", "last"]
    nothing: Any = None
    patches = found.extensions(nothing, nothing)
    assert [name for name, _ in patches] == ["zoo", "able", "last"]
    assert found.listeners() == order
    found.tell("mute", nothing, nothing)
    assert heard == ["mute"]
