"""When a running notebook stops by itself and why: decided here, in pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from appliance.runtime.activity import Activity
from plugins_builtin.notebooks.specs import Limits

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
WARNING_MS = 15 * MINUTE_MS  # at most: a quarter of a short limit
DONE_MS = 15 * MINUTE_MS  # without use, until one that is kept until it is done counts as done

Action = Literal["none", "warn", "withdraw", "stop"]


@dataclass(frozen=True)
class Stop:
    """A stop to come. warn_ms: when to say so. why: true before and after it: "idle since …"."""

    at_ms: int
    warn_ms: int
    why: str


def planned(
    limits: Limits, default_idle_h: float, started_ms: int, used: Activity, now_ms: int
) -> Stop | None:
    """The next stop by what is known now, None for never. Nobody is stopped without a warning before it."""
    idle_h = default_idle_h if limits.idle_shutdown_h is None else limits.idle_shutdown_h
    found = [
        stop
        for stop in (
            _from_start(limits, started_ms, used),
            _by_idleness(limits, idle_h, used),
        )
        if stop is not None
    ]
    if not found:
        return None
    first = min(found, key=lambda stop: stop.at_ms)
    lead_ms = first.at_ms - first.warn_ms
    warned_ms = now_ms if limits.warned_ms is None else limits.warned_ms
    at_ms = max(first.at_ms, limits.hold_until_ms, warned_ms + lead_ms)
    return Stop(at_ms, at_ms - lead_ms, first.why)


def action(stop: Stop | None, limits: Limits, now_ms: int) -> Action:
    """What to do about it now."""
    warned = limits.warned_ms is not None
    if stop is None or now_ms < stop.warn_ms:
        return "withdraw" if warned else "none"
    if not warned:
        return "warn"
    return "stop" if now_ms >= stop.at_ms else "none"


def _from_start(limits: Limits, started_ms: int, used: Activity) -> Stop | None:
    hours = limits.shutdown_timeout_h
    if not hours:
        return None
    at_ms = started_ms + round(hours * HOUR_MS) + used.slept_ms
    why = f"its shutdown timeout is {_hours(hours)} from its start"
    if limits.kept_ms is not None:
        at_ms = max(at_ms, _idle_since_ms(limits, used) + DONE_MS)
        why = f"{why}, and it is {_idle(limits, used)}"
    return _with_warning(at_ms, hours, why)


def _by_idleness(limits: Limits, hours: float, used: Activity) -> Stop | None:
    if not hours:
        return None
    why = f"{_idle(limits, used)}; its idle limit is {_hours(hours)}"
    return _with_warning(_idle_since_ms(limits, used) + round(hours * HOUR_MS), hours, why)


def _idle(limits: Limits, used: Activity) -> str:
    since_ms = _idle_since_ms(limits, used)
    by = f"last used by {used.why}" if since_ms == used.last_used_ms else "when somebody kept it"
    return f"idle since {_clock(since_ms)}, {by}"


def _idle_since_ms(limits: Limits, used: Activity) -> int:
    """Somebody who asks to keep it uses it."""
    return max(used.last_used_ms, limits.kept_ms or 0)


def _with_warning(at_ms: int, hours: float, why: str) -> Stop:
    return Stop(at_ms, at_ms - min(WARNING_MS, round(hours * HOUR_MS / 4)), why)


def _hours(hours: float) -> str:
    return f"{hours:g} h" if hours >= 1 else f"{hours * 60:.0f} min"


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, timezone.utc):%H:%M} UTC"
