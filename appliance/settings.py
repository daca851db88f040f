"""Live settings: rows that an admin changes while everything runs. Their declarations come from plugins."""

from __future__ import annotations

import json
import math
from typing import Any

from sqlite_utils import Database, Migrations

from appliance import vault
from appliance.crypto import Keys
from appliance.db import Db, execute, row, script
from appliance.errors import Invalid
from appliance.plugins.contracts import Setting

migrations = Migrations("settings")


@migrations()
def m001_settings(db: Database) -> None:
    script(
        db,
        "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL, changed_ms INTEGER NOT NULL)",
    )


def get(db: Db, setting: Setting, keys: Keys | None = None) -> Any:
    """The value in force, of the setting's type. keys: needed for a secret one."""
    value = _stored(db, setting)
    if value is None or not setting.secret:
        return setting.default if value is None else value
    return parse(setting, vault.read(db, _needed(setting, keys), _purpose(setting), value))


def put(db: Db, setting: Setting, text: str, keys: Keys | None = None) -> None:
    """Change a setting, given as text; Invalid says which type it wants. Call inside `write`. keys: as for `get`."""
    value = parse(setting, text)
    if setting.secret:
        vault.drop_purpose(db, _purpose(setting))
        value = vault.put(db, _needed(setting, keys), _purpose(setting), text)
    execute(
        db,
        "INSERT INTO settings VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value,"
        " changed_ms = excluded.changed_ms",
        (setting.key, json.dumps(value), db.clock.now_ms()),
    )


def _stored(db: Db, setting: Setting) -> Any:
    """What the row says, None without one; of a secret setting the id of its sealed value."""
    found = row(db, "SELECT value FROM settings WHERE key = ?", (setting.key,))
    return json.loads(found["value"]) if found else None


def _purpose(setting: Setting) -> str:
    return f"setting {setting.key}"


def _needed(setting: Setting, keys: Keys | None) -> Keys:
    if keys is None:
        raise ValueError(f"{setting.key} is secret: pass the keys")
    return keys


def parse(setting: Setting, text: str) -> Any:
    """The text as the setting's type, within its bounds."""
    try:
        value = (
            {"true": True, "false": False}[text.lower()]
            if setting.type is bool
            else setting.type(text)
        )
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(text)  # "nan" lies within all bounds
    except (ValueError, KeyError):
        shown = "***" if setting.secret else repr(text[:60])
        raise Invalid(f"{setting.key} must be {setting.type.__name__}, not {shown}") from None
    low, high = setting.bounds
    number = float(value) if isinstance(value, (int, float)) else 0.0
    if (low is not None and number < low) or (high is not None and number > high):
        raise Invalid(f"{setting.key} must be between {low} and {high}")
    return value
