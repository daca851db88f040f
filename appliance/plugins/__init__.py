"""The one import for authors of plugins.

A plugin is a module `plugin.py` with `INFO = PluginInfo(...)` and functions marked `@hookimpl`; see hookspecs.py.
"""

from appliance.plugins.contracts import (
    EVERYBODY,
    PEOPLE,
    ApiResource,
    AuthProvider,
    Hit,
    Image,
    InstanceType,
    Loop,
    NavItem,
    Pages,
    Panel,
    PluginInfo,
    RefKind,
    RefScope,
    Searchable,
    Setting,
    SetupStep,
    Tab,
    Verb,
)
from appliance.plugins.hookspecs import hookimpl

__all__ = [
    "EVERYBODY",
    "PEOPLE",
    "ApiResource",
    "AuthProvider",
    "Hit",
    "Image",
    "InstanceType",
    "Loop",
    "NavItem",
    "Pages",
    "Panel",
    "PluginInfo",
    "RefKind",
    "RefScope",
    "Searchable",
    "Setting",
    "SetupStep",
    "Tab",
    "Verb",
    "hookimpl",
]
