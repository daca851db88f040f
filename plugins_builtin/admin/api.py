"""Plugins, settings and health at the API."""

from __future__ import annotations

from appliance.plugins import PEOPLE, ApiResource, Verb
from plugins_builtin.admin import health, service
from plugins_builtin.admin.specs import HealthReply, PluginReply, SettingBody, SettingReply

PLUGINS = ApiResource(
    "plugins",
    id_prefix="",
    spec=PluginReply,
    title="Plugins",
    columns=("name", "version", "source", "state", "reason"),
    verbs=(
        Verb("list", "GET", "/plugins", service.plugins, access="admin", by=PEOPLE, summary="All plugins"),
        Verb(
            "get", "GET", "/plugins/{plugin}", service.find, access="admin", by=PEOPLE, summary="One plugin",
            words="plugins details",
        ),
        Verb(
            "enable", "POST", "/plugins/{plugin}/enable", service.enable, access="admin", by=PEOPLE,
            summary="Use a plugin again",
        ),
        Verb(
            "disable", "POST", "/plugins/{plugin}/disable", service.disable, access="admin", by=PEOPLE,
            summary="Stop using a plugin",
        ),
    ),
)  # fmt: skip

SETTINGS = ApiResource(
    "settings",
    id_prefix="",
    spec=SettingReply,
    title="Settings",
    columns=("key", "value", "default", "help"),
    verbs=(
        Verb("list", "GET", "/settings", service.settings_list, access="admin", by=PEOPLE, summary="All settings"),
        Verb(
            "set", "PUT", "/settings/{setting}", service.change, body=SettingBody, access="admin", by=PEOPLE,
            summary="Change a setting",
        ),
    ),
)  # fmt: skip

STATUS = ApiResource(
    "status",
    id_prefix="",
    spec=HealthReply,
    title="Status",
    verbs=(
        Verb(
            "get", "GET", "/status", health.report, access="admin", by=PEOPLE, words="status",
            summary="How the appliance is doing",
        ),
    ),
)  # fmt: skip
