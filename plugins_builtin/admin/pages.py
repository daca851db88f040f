"""The admin's pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request

from appliance.errors import Invalid
from appliance.web.pages import context, done, fragment, page
from plugins_builtin.admin import health, service

CONTRIBUTES = {
    "register_pages": "pages",
    "register_panels": "panels",
    "register_api_resources": "API",
    "register_commands": "commands",
    "register_loops": "loops",
    "register_settings": "settings",
    "register_images": "images",
    "register_instance_types": "instance types",
    "register_auth_providers": "sign-in",
    "register_search": "search",
    "on_event": "hears of",
    "extend_workload": "extends",
}


def blueprint() -> Blueprint:
    pages = Blueprint("admin", __name__, template_folder="templates", url_prefix="/admin")
    pages.add_url_rule("/plugins", "plugins", plugins)
    pages.add_url_rule("/plugins/<plugin>/<switch>", "switch", switch_plugin, methods=["POST"])
    pages.add_url_rule("/settings", "settings", settings)
    pages.add_url_rule("/settings", "save", save, methods=["POST"])
    pages.add_url_rule("/health", "health", show_health)
    pages.add_url_rule("/health/host", "host", host)
    pages.add_url_rule("/events/<listener>/<event_id>", "parked", parked, methods=["POST"])
    return pages


def plugins() -> str:
    """What is there, and why something is not."""
    ctx = context()
    found = service.plugins(ctx)
    rows = [
        {
            **dict(one),
            "builtin": one.source == "builtin",
            "adds": [
                (CONTRIBUTES.get(hook, hook.removeprefix("register_")), ", ".join(keys))
                for hook, keys in one.adds.items()
            ],
        }
        for one in found
    ]
    folder = ctx.config.paths.plugins
    return page("admin/plugins.html", "Plugins", live=False, plugins=rows, folder=folder)


def switch_plugin(plugin: str, switch: str) -> Any:
    """On or off."""
    if switch not in ("on", "off"):
        raise Invalid(f"a plugin can't be switched {switch}")
    found = (service.enable if switch == "on" else service.disable)(context(), plugin)
    text = f"{found.title} is switched {switch}. The pages start again; reload in a few seconds."
    return done("/admin/plugins", text)


def settings() -> str:
    """The form."""
    shown = {
        item.key: "" if item.secret else item.value for item in service.settings_list(context())
    }
    return _settings_form(shown, {})


def _settings_form(values: Mapping[str, str], errors: Mapping[str, str]) -> str:
    found = [dict(item) for item in service.settings_list(context())]
    return page(
        "admin/settings.html", "Settings", live=False, settings=found, values=values, errors=errors
    )


def save() -> Any:
    """Change what was changed."""
    values = request.form.to_dict()
    changed = service.change_all(context(), values)
    if changed.errors:
        return _settings_form(values, changed.errors), 400
    return done("/admin/settings", f"Saved: {', '.join(changed.keys)}." if changed.keys else "")


def show_health() -> str:
    """Loops, parked events, disk, versions."""
    ctx = context()
    return page(
        "admin/health.html",
        "Health",
        live=False,
        report=health.report(ctx),
        parked=health.parked(ctx),
    )


def host() -> str:
    """What `appliance doctor` says: a box of its own, since it takes a second or two."""
    return fragment("admin/_host.html", checks=health.host_checks(context()))


def parked(listener: str, event_id: str) -> Any:
    """Try an event again, or give it up."""
    number = int(event_id) if re.fullmatch(r"[0-9]{1,18}", event_id) else 0  # SQLite takes no more
    if request.form.get("do") == "drop":
        service.drop(context(), listener, number)
        return done("/admin/health", "Dropped.")
    service.retry(context(), listener, number)
    return done("/admin/health", "It is delivered again within seconds.")
