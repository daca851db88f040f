"""Find the plugins, order them by what they require, and build the registry. A function, no globals."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Iterable, Mapping
from types import ModuleType

import pluggy

from appliance.errors import PluginError
from appliance.plugins.contracts import API_VERSION, PluginInfo
from appliance.plugins.hookspecs import PROJECT, Hooks
from appliance.plugins.registry import Registry, collect
from appliance.plugins.sources import Source

log = logging.getLogger(__name__)

BUILTIN = "plugins_builtin"


def load(package: str = BUILTIN) -> Registry:
    """Load every plugin of a package. A builtin that fails stops the boot with its name."""
    return build(builtin_modules(package))


def load_more(
    builtins: Mapping[str, ModuleType], sources: Iterable[Source]
) -> tuple[Registry, dict[str, str]]:
    """Builtins and these third-party plugins; and why each of those that don't fit was left out, by name."""
    modules, registry = dict(builtins), build(builtins)
    waiting, reasons = dict[str, ModuleType](), dict[str, str]()
    for source in sources:
        try:
            waiting[source.name] = source.load()
        except (Exception, SystemExit) as error:  # third-party code may raise anything
            reasons[source.name] = reason_of(error)
    while waiting:
        ready = [one for one in waiting if modules.keys() >= set(waiting[one].INFO.requires)]
        for name in ready or list(
            waiting
        ):  # if none is ready, the error says what each of them lacks
            module = waiting.pop(name)
            try:
                registry = _with(builtins, modules, name, module)
                modules[name] = module
            except (Exception, SystemExit) as error:  # third-party code may raise anything
                reasons[name] = reason_of(error)
    return registry, reasons


def _with(
    builtins: Mapping[str, ModuleType],
    modules: Mapping[str, ModuleType],
    name: str,
    module: ModuleType,
) -> Registry:
    if name in builtins:
        raise PluginError(f"a builtin plugin is called {name}", hint="rename it")
    made = build({**modules, name: module})
    for image in made.of(name, "register_images"):
        if made.images[image].recipe is not None:  # recipes are built by root, before the start
            raise PluginError(
                f"the image {image} has a recipe, which only builtins may have",
                hint="build the image elsewhere and give its reference",
            )
    return made


def reason_of(error: BaseException) -> str:
    """For the admin: our own errors as they are, others with their class; the whole story is in the log."""
    log.warning("a plugin can't be used", exc_info=error)
    text = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    return storable(text)


def storable(text: str) -> str:
    """Without lone surrogates, which no database takes."""
    return text.encode(errors="replace").decode()


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
            _check_wrappers(manager, info.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(
            f"unknown hook: {error}", hint="compare with appliance/plugins/hookspecs.py"
        ) from error
    return collect(manager, infos)


def _check_wrappers(manager: pluggy.PluginManager, name: str) -> None:
    for caller in manager.get_hookcallers(manager.get_plugin(name)) or ():
        for impl in caller.get_hookimpls():
            if impl.hookwrapper or impl.wrapper:
                raise PluginError(f"{name}: {caller.name} is a wrapper, which nobody would call")


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
