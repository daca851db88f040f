"""docs/settings.md: what an admin may change while everything runs."""

from __future__ import annotations

from appliance.plugins import Setting, loader

HEAD = """# Settings

Live values: changed on the admin's page *Settings*, with `appliance settings set KEY VALUE`, or at the API; they hold
at once. What is decided before the start is in `config.toml`. Plugins add settings with `register_settings`.

| key | type | default | from … to | what it is |
| --- | --- | --- | --- | --- |
"""


def text() -> str:
    """The whole page."""
    registry = loader.load()
    return HEAD + "".join(_row(registry.settings[key]) for key in sorted(registry.settings))


def _row(setting: Setting) -> str:
    low, high = ("…" if bound is None else f"{bound:g}" for bound in setting.bounds)
    bounds = "any" if (low, high) == ("…", "…") else f"{low} to {high}"
    default = "secret" if setting.secret else f"`{setting.default}`"
    return (
        f"| `{setting.key}` | {setting.type.__name__} | {default} | {bounds} | {setting.help} |\n"
    )
