"""Use cases of the admin. All of them need an admin of the appliance."""

from __future__ import annotations

from collections.abc import Mapping

import appliance
from appliance import events, settings
from appliance.access import require_admin
from appliance.context import Context
from appliance.db import write
from appliance.errors import Invalid, NotFound
from appliance.events import emit
from appliance.plugins import Hit, Setting, verdicts
from appliance.plugins.registry import KEYS
from appliance.plugins.verdicts import Verdict
from appliance.runtime import renew
from plugins_builtin.admin.specs import Changed, PluginReply, SettingBody, SettingReply

LISTENS = {"on_event": "every event", "extend_workload": "every workload"}


def plugins(ctx: Context) -> list[PluginReply]:
    """What was installed, then builtins in the order of their requirements."""
    require_admin(ctx)
    installed = verdicts.every(ctx.db)
    builtin = [
        PluginReply(
            name=info.name, title=info.title, version=appliance.__version__, source="builtin", state="on",
            adds=_adds(ctx, info.name),
        )
        for info in ctx.registry.plugins
        if info.name not in installed
    ]  # fmt: skip
    return [*(_installed(ctx, verdict) for verdict in installed.values()), *builtin]


def find(ctx: Context, plugin: str) -> PluginReply:
    """One of them by name."""
    for found in plugins(ctx):
        if found.name == plugin:
            return found
    raise NotFound(f"there is no plugin {plugin}", hint="`appliance plugins list` shows them")


def _installed(ctx: Context, verdict: Verdict) -> PluginReply:
    return PluginReply(
        name=verdict.name, title=verdict.title or verdict.name, version=verdict.version, source=verdict.origin,
        state=verdict.state, reason=verdict.reason, notes=verdict.notes, dt_checked=verdict.checked_ms or None,
        adds=_adds(ctx, verdict.name) if verdict.state == "on" else {},
    )  # fmt: skip


def _adds(ctx: Context, name: str) -> dict[str, list[str]]:
    """Hook -> keys of what a plugin contributes, as far as this process has loaded it."""
    found = {hook: ctx.registry.of(name, hook) for hook in KEYS}
    pages = [one for owner, one in ctx.registry.owned_pages() if owner == name]
    titles = [
        [*(line.title for line in one.nav), *(tab.title for tab in one.tabs)] for one in pages
    ]
    found["register_pages"] = sum(titles, [])
    module = ctx.registry.manager.get_plugin(name)
    found |= {hook: [what] for hook, what in LISTENS.items() if hasattr(module, hook)}
    return {hook: keys for hook, keys in found.items() if keys}


def enable(ctx: Context, plugin: str) -> PluginReply:
    """Use it again: it is tried anew within seconds. Repeatable."""
    return _switch(ctx, plugin, True)


def disable(ctx: Context, plugin: str) -> PluginReply:
    """Stop using it; its tables stay. Pages and API start again at once. Repeatable."""
    return _switch(ctx, plugin, False)


def _switch(ctx: Context, name: str, on: bool) -> PluginReply:
    require_admin(ctx)
    with write(ctx.db) as db:
        verdicts.get(db, name)
        verdicts.switch(db, name, on)
        emit(
            db,
            "plugin.enabled" if on else "plugin.disabled",
            subject=name,
            actor=ctx.principal.user_id,
        )
    if not on:  # the worker's check asks for it when a plugin comes on
        renew.ask(ctx.config.paths)
    return find(ctx, name)


def settings_list(ctx: Context) -> list[SettingReply]:
    """Every declared setting with its value."""
    require_admin(ctx)
    return [_setting(ctx, setting) for setting in ctx.registry.settings.values()]


def _setting(ctx: Context, setting: Setting) -> SettingReply:
    value = settings.get(ctx.db, setting, ctx.keys)
    low, high = setting.bounds
    return SettingReply(
        key=setting.key, type=setting.type.__name__, help=setting.help, secret=setting.secret, least=low, greatest=high,
        value=("***" if value else "") if setting.secret else as_text(value),
        default="" if setting.secret else as_text(setting.default),
    )  # fmt: skip


def as_text(value: object) -> str:
    """As `settings.parse` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def change(ctx: Context, setting: str, body: SettingBody) -> SettingReply:
    """Change one setting; Invalid says what it wants."""
    require_admin(ctx)
    declared = ctx.registry.settings.get(setting)
    if declared is None:
        raise NotFound(
            f"there is no setting {setting}", hint="`appliance settings list` shows them"
        )
    _put(ctx, {setting: body.value})
    return _setting(ctx, declared)


def change_all(ctx: Context, values: Mapping[str, str]) -> Changed:
    """Change what differs, all or nothing. A secret one that is "" stays as it is."""
    require_admin(ctx)
    errors: dict[str, str] = {}
    changed: dict[str, str] = {}
    for setting in ctx.registry.settings.values():
        text = values.get(setting.key)
        if text is None or (setting.secret and not text):
            continue
        try:
            value = settings.parse(setting, text.strip())
        except Invalid as error:
            errors[setting.key] = error.message
            continue
        if setting.secret or value != settings.get(ctx.db, setting, ctx.keys):
            changed[setting.key] = text.strip()
    if not errors:
        _put(ctx, changed)
    return Changed(list(changed), errors)


def _put(ctx: Context, changed: Mapping[str, str]) -> None:
    with write(ctx.db) as db:
        for key, text in changed.items():
            settings.put(db, ctx.registry.settings[key], text, ctx.keys)
            emit(db, "setting.changed", subject=key, actor=ctx.principal.user_id)


def retry(ctx: Context, listener: str, event_id: int) -> None:
    """Deliver a parked event once more; NotFound when it is not parked (any more)."""
    require_admin(ctx)
    with write(ctx.db) as db:
        if not events.retry_parked(db, listener, event_id):
            raise NotFound("this event is not parked any more")


def drop(ctx: Context, listener: str, event_id: int) -> None:
    """Never deliver a parked event; NotFound when it is not parked (any more)."""
    require_admin(ctx)
    with write(ctx.db) as db:
        if not events.drop_parked(db, listener, event_id):
            raise NotFound("this event is not parked any more")


def search(ctx: Context, text: str, limit: int) -> list[Hit]:
    """Settings and plugins, for admins."""
    if not ctx.principal.is_admin:
        return []
    wanted = text.lower()
    hits = [
        Hit(setting.key, f"/admin/settings#{setting.key}", "setting", setting.help)
        for setting in ctx.registry.settings.values()
    ]
    hits += [Hit(found.title, "/admin/plugins", "plugin", found.name) for found in plugins(ctx)]
    return [hit for hit in hits if wanted in f"{hit.title} {hit.detail}".lower()][:limit]
