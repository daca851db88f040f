"""Find the plugins, order them by what they require, and build the registry. A function, no globals."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

import pluggy

from appliance.errors import PluginError
from appliance.plugins.contracts import API_VERSION, PluginInfo
from appliance.plugins.hookspecs import PROJECT, Hooks
from appliance.plugins.registry import Registry, collect

BUILTIN = "plugins_builtin"


def load(package: str = BUILTIN) -> Registry:
    """Load every plugin of a package. A builtin that fails stops the boot with its name."""
    return build(builtin_modules(package))


def builtin_modules(package: str) -> dict[str, ModuleType]:
    """The `plugin` module of each folder in a package, by name."""
    root = importlib.import_module(package)
    names = sorted(module.name for module in pkgutil.iter_modules(root.__path__) if module.ispkg)
    return {name: importlib.import_module(f"{package}.{name}.plugin") for name in names}


def build(modules: Mapping[str, ModuleType]) -> Registry:
    """Registry of these plugin modules; each has `INFO` and hook implementations."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    by_name: dict[str, ModuleType] = {}
    for module in modules.values():
        if by_name.setdefault(module.INFO.name, module) is not module:
            raise PluginError(f"two plugins are called {module.INFO.name}")
    infos = in_order({name: module.INFO for name, module in by_name.items()})
    for info in infos:
        if info.api_version != API_VERSION:
            raise PluginError(
                f"plugin {info.name} is written for API {info.api_version}, this is {API_VERSION}"
            )
    try:
        for info in infos:
            manager.register(by_name[info.name], name=info.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(
            f"unknown hook: {error}", hint="compare with appliance/plugins/hookspecs.py"
        ) from error
    return collect(manager, infos)


def in_order(infos: Mapping[str, PluginInfo]) -> list[PluginInfo]:
    """Requirements first, else by name. PluginError for a missing or circular requirement."""
    done: dict[str, PluginInfo] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in path:
            raise PluginError(
                f"plugins require each other in a circle: {' -> '.join((*path, name))}"
            )
        if name not in infos:
            raise PluginError(f"plugin {path[-1]} requires {name}, which is not there")
        for required in sorted(infos[name].requires):
            visit(required, (*path, name))
        done[name] = infos[name]

    for name in sorted(infos):
        visit(name, ())
    return list(done.values())
