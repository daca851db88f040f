"""All contributions, frozen after boot, as plain mappings; and the calls that reach plugins while running."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click
import pluggy
from sqlite_utils import Migrations

from appliance.errors import ApplianceError, Forbidden, NotFound, PluginError
from appliance.plugins import sound
from appliance.plugins.contracts import (
    ApiResource,
    AuthProvider,
    Hit,
    Image,
    InstanceType,
    Loop,
    Pages,
    Panel,
    PluginInfo,
    RefKind,
    Searchable,
    Setting,
    SetupStep,
    Verb,
)
from appliance.runtime.spec import SpecPatch
from appliance.schema import is_local_path

if TYPE_CHECKING:
    from appliance.context import Context
    from appliance.events import Event
    from appliance.identity import Role
    from appliance.runtime.workloads import Workload

log = logging.getLogger(__name__)

# hook name -> how its items are keyed; two plugins with one key is an error that names both
KEYS = {
    "register_migrations": "name",
    "register_settings": "key",
    "register_api_resources": "name",
    "register_pages": None,
    "register_panels": "endpoint",
    "register_commands": "name",
    "register_ref_kinds": "name",
    "register_instance_types": "name",
    "register_images": "name",
    "register_auth_providers": "name",
    "register_loops": "name",
    "register_setup": "name",
    "register_search": "name",
}


@dataclass(frozen=True)
class Registry:
    """What the loaded plugins contributed. plugins: in the order of their requirements."""

    manager: pluggy.PluginManager
    plugins: tuple[PluginInfo, ...]
    migrations: tuple[Migrations, ...]
    settings: Mapping[str, Setting]
    api_resources: Mapping[str, ApiResource]
    pages: tuple[Pages, ...]
    panels: tuple[Panel, ...]
    commands: Mapping[str, click.Command]
    ref_kinds: Mapping[str, RefKind]
    instance_types: Mapping[str, InstanceType]
    images: Mapping[str, Image]
    auth_providers: Mapping[str, AuthProvider]
    loops: Mapping[str, Loop]
    setup: tuple[SetupStep, ...]
    searchables: Mapping[str, Searchable]
    permissions: Mapping[str, Role]
    owners: Mapping[tuple[str, str], str]  # ("register_loops", "sweep") -> the plugin that has it

    def of(self, plugin: str, hook: str) -> list[str]:
        """The keys of what a plugin contributed to a hook; for pages and panels without a key of their own, numbers."""
        return [
            key for (name, key), owner in self.owners.items() if (name, owner) == (hook, plugin)
        ]

    def owned_pages(self) -> list[tuple[str, Pages]]:
        """Pages with the plugin that each comes from."""
        owners = [owner for (hook, _), owner in self.owners.items() if hook == "register_pages"]
        return list(zip(owners, self.pages, strict=True))

    def listeners(self) -> list[str]:
        """Names of plugins that listen to events."""
        return [impl.plugin_name for impl in self.manager.hook.on_event.get_hookimpls()]

    def tell(self, plugin: str, ctx: Context, event: Event) -> None:
        """Hand one event to one plugin; whatever it raises is the caller's to handle."""
        for impl in self.manager.hook.on_event.get_hookimpls():
            if impl.plugin_name == plugin:
                impl.function(ctx=ctx, event=event)

    def extensions(self, ctx: Context, workload: Workload) -> list[tuple[str, SpecPatch]]:
        """What each plugin adds to a workload, in the order of `plugins`; the first error goes through."""
        patches: list[tuple[str, SpecPatch]] = []
        for impl in self.manager.hook.extend_workload.get_hookimpls():
            try:
                patch: SpecPatch | None = impl.function(ctx=ctx, workload=workload)  # type: ignore[assignment]
            except ApplianceError:  # a veto, in words for the user
                raise
            except Exception as error:  # a plugin's code may raise anything; its name belongs to it
                text = f"the plugin {impl.plugin_name} failed: {type(error).__name__}: {error}"
                raise PluginError(text[:2000]) from error
            if not isinstance(patch, SpecPatch | None):
                raise PluginError(
                    f"the plugin {impl.plugin_name} failed: it answered {patch!r:.60}"
                )
            if patch is not None:
                patches.append((impl.plugin_name, patch))
        return patches

    def search(self, ctx: Context, text: str, limit: int) -> tuple[list[Hit], list[str]]:
        """What plugins find, at most `limit` hits each, in the order of `plugins`; and the names of those that failed."""
        hits: list[Hit] = []
        failed: list[str] = []
        for name, searchable in self.searchables.items():
            try:
                found = searchable.find(ctx, text, limit)[:limit]
                hits += [hit for hit in found if is_local_path(hit.url)]
            except (NotFound, Forbidden):  # such as for somebody who left the team just now
                continue
            except Exception:  # a plugin's code may raise anything; what the others find is shown
                log.exception("searching %s failed", name)
                failed.append(name)
        return hits, failed


def permission_of(resource: ApiResource, verb: Verb) -> str:
    """The permission that a verb needs."""
    return verb.permission or f"{resource.name}.{verb.name}"


def collect(manager: pluggy.PluginManager, plugins: Iterable[PluginInfo]) -> Registry:
    """Ask plugin by plugin for its contributions. PluginError names both sides of a clash."""
    infos = tuple(plugins)
    found: dict[str, dict[str, Any]] = {hook: {} for hook in KEYS}
    owners: dict[tuple[str, str], str] = {}
    for info in infos:
        plugin = manager.get_plugin(info.name)
        for hook, key in KEYS.items():
            if not hasattr(plugin, hook):
                continue
            for item in sound.items(info.name, hook, getattr(plugin, hook)()):
                name = f"{info.name}:{len(found[hook])}" if key is None else getattr(item, key)
                if name in found[hook]:
                    raise PluginError(
                        f"{hook}: {owners[hook, name]} and {info.name} both register {name!r}"
                    )
                found[hook][name] = item
                owners[hook, name] = info.name
    return _freeze(manager, infos, found, owners)


def _permissions(resources: Iterable[ApiResource]) -> dict[str, Role]:
    """Every permission with the least role that has it; whoever came last must not lower it unseen."""
    permissions: dict[str, Role] = {}
    for resource in resources:
        declared = [(permission_of(resource, verb), verb.role) for verb in resource.verbs]
        for name, role in (*resource.permissions.items(), *declared):
            if permissions.setdefault(name, role) != role:
                raise PluginError(f"{name} is for the role {permissions[name]} and for {role}")
    return permissions


def _freeze(
    manager: pluggy.PluginManager,
    infos: tuple[PluginInfo, ...],
    found: Mapping[str, dict[str, Any]],
    owners: Mapping[tuple[str, str], str],
) -> Registry:
    resources: dict[str, ApiResource] = found["register_api_resources"]
    sound.check_routes(resources.values())
    permissions = _permissions(resources.values())
    return Registry(
        manager=manager,
        plugins=infos,
        migrations=tuple(found["register_migrations"].values()),
        settings=MappingProxyType(found["register_settings"]),
        api_resources=MappingProxyType(resources),
        pages=tuple(found["register_pages"].values()),
        panels=tuple(sorted(found["register_panels"].values(), key=lambda panel: panel.order)),
        commands=MappingProxyType(found["register_commands"]),
        ref_kinds=MappingProxyType(found["register_ref_kinds"]),
        instance_types=MappingProxyType(found["register_instance_types"]),
        images=MappingProxyType(found["register_images"]),
        auth_providers=MappingProxyType(found["register_auth_providers"]),
        loops=MappingProxyType(found["register_loops"]),
        setup=tuple(found["register_setup"].values()),
        searchables=MappingProxyType(found["register_search"]),
        permissions=MappingProxyType(permissions),
        owners=MappingProxyType(owners),
    )
