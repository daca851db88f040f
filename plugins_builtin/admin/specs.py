"""What the admin sees and sends."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from appliance.schema import Body, MaybeTime, Reply


class PluginReply(Reply):
    """state: "on", "off" (switched off), "failed" (reason says why) or "unchecked" (tried within seconds).

    source: "builtin", or where it was installed. notes: what of it is left out. adds: hook -> names.
    """

    name: str
    title: str
    version: str
    source: str
    state: str
    reason: str = ""
    notes: str = ""
    dt_checked: MaybeTime = None
    adds: dict[str, list[str]] = Field(default_factory=dict)


class SettingReply(Reply):
    """value: as text; "***" for a secret one that is set, "" for one that is not."""

    key: str
    type: str
    value: str
    default: str
    help: str
    secret: bool
    least: float | None
    greatest: float | None


class SettingBody(Body):
    """PUT /settings/{key}."""

    value: str = Field(max_length=10_000)


class LoopReply(Reply):
    """One of the threads that work in the background. late: no turn ended for long."""

    name: str
    plugin: str
    dt_seen: MaybeTime
    error: str
    late: bool


class HealthReply(Reply):
    """What `appliance status` answers. ok: nothing failed, hangs or is parked."""

    ok: bool
    version: str
    python: str
    sqlite: str
    kernel: str
    database_bytes: int
    disk_free_bytes: int
    disk_total_bytes: int
    loops: list[LoopReply]
    parked_events: int
    failed_plugins: list[str]


@dataclass(frozen=True)
class Changed:
    """What a form of settings led to. errors: by key, and then nothing was changed."""

    keys: list[str]
    errors: dict[str, str]
