"""How templates write times, durations and sizes; `install` names them as Jinja filters."""

from __future__ import annotations

import shlex
from datetime import datetime, timezone

from jinja2 import Environment

from appliance.clock import Clock, iso
from appliance.runtime.states import LIVE

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
NOTHING = "–"

# What a state looks like: a class of appliance.css. The word always stands beside it.
STATE_LOOKS: dict[str, str] = {
    "pending": "waiting",
    "provisioning": "moving",
    "starting": "moving",
    "running": "good",
    "stopping": "moving",
    "succeeded": "good",
    "failed": "bad",
    "error": "bad",
    "preempted": "waiting",
    # of images
    "ready": "good",
    "queued": "waiting",
    "building": "moving",
}


def duration(ms: int | None) -> str:
    """`820 ms`, `4 s`, `3m 12s`, `2h 05m`, `3d 4h`; a negative one (clocks differ) is 0."""
    if ms is None:
        return NOTHING
    ms = max(0, ms)
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms // 1000
    if seconds < MINUTE_S:
        return f"{seconds} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S}m {seconds % MINUTE_S:02d}s"
    if seconds < DAY_S:
        return f"{seconds // HOUR_S}h {seconds % HOUR_S // MINUTE_S:02d}m"
    return f"{seconds // DAY_S}d {seconds % DAY_S // HOUR_S}h"


def ago(ms: int | None, now_ms: int) -> str:
    """A moment in words: `just now`, `5 min ago`, `3 h ago`, `4 days ago`, `in 5 min`; a date.

    appliance.js says the same words when it keeps an open page's times fresh.
    """
    if ms is None:
        return NOTHING
    seconds = abs(now_ms - ms) // 1000
    if seconds < 45:
        return "just now"
    if seconds < HOUR_S:
        text = f"{max(1, round(seconds / MINUTE_S))} min"
    elif seconds < DAY_S:
        text = f"{round(seconds / HOUR_S)} h"
    elif seconds < 30 * DAY_S:
        days = round(seconds / DAY_S)
        text = f"{days} day" if days == 1 else f"{days} days"
    else:
        return f"{_utc(ms):%Y-%m-%d}"
    return f"{text} ago" if ms <= now_ms else f"in {text}"


def absolute(ms: int | None) -> str:
    """`2026-11-23 11:35:02 UTC`, for the hover text of a relative time."""
    return NOTHING if ms is None else f"{_utc(ms):%Y-%m-%d %H:%M:%S} UTC"


def size(count: int | None) -> str:
    """A number of bytes in binary units: `512 B`, `1.5 KiB`, `3.0 GiB`."""
    if count is None:
        return NOTHING
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1023.95:
            break
    return f"{value:.1f} {unit}"


def state_look(state: str) -> str:
    """`good`, `moving`, `waiting`, `bad` or `quiet`; a state that nobody knows is quiet."""
    return STATE_LOOKS.get(state, "quiet")


def install(environment: Environment, clock: Clock) -> None:
    """Adds the filters ago, absolute, iso, duration, bytes, shell, state_look; the test live."""
    environment.filters.update(
        ago=lambda ms: ago(ms, clock.now_ms()),
        absolute=absolute,
        iso=iso,
        duration=duration,
        bytes=size,
        shell=shlex.quote,
        state_look=state_look,
    )
    environment.tests["live"] = LIVE.__contains__


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, timezone.utc)
