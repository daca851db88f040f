"""When a notebook stops by itself: the decision alone, as a table of cases."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.runtime.activity import Activity
from plugins_builtin.notebooks.shutdown import HOUR_MS, MINUTE_MS, action, planned
from plugins_builtin.notebooks.specs import Limits

START = 472_224 * HOUR_MS + 12 * HOUR_MS  # at a full hour
Case = dict[str, Any]


def at(hours: float) -> int:
    return START + round(hours * HOUR_MS)


def decide(
    now_h: float, used_h: float = 0, default_h: float = 0, slept_h: float = 0, **limits: Any
) -> Any:
    """Times in hours from the start: the stop, and what is done now."""
    given = {key: at(value) if key.endswith("_ms") else value for key, value in limits.items()}
    known = Limits("w1", **given)
    used = Activity("w1", at(used_h), "a busy kernel", at(now_h), 0, slept_ms=at(slept_h) - START)
    stop = planned(known, default_h, START, used, at(now_h))
    hours = None if stop is None else (stop.at_ms - START) / HOUR_MS
    return hours, action(stop, known, at(now_h))


@pytest.mark.parametrize(
    ("case", "stops_h", "does"),
    [
        # nothing asked for
        ({"now_h": 1000}, None, "none"),
        ({"now_h": 1000, "shutdown_timeout_h": 0, "idle_shutdown_h": 0, "default_h": 1}, None, "none"),
        # from its start, whatever runs
        ({"now_h": 1, "used_h": 1, "shutdown_timeout_h": 6}, 6, "none"),
        ({"now_h": 5.8, "used_h": 5.8, "shutdown_timeout_h": 6}, 6.05, "warn"),
        ({"now_h": 5.9, "used_h": 5.9, "shutdown_timeout_h": 6, "warned_ms": 5.75}, 6, "none"),
        ({"now_h": 6, "used_h": 6, "shutdown_timeout_h": 6, "warned_ms": 5.75}, 6, "stop"),
        ({"now_h": 0.04, "shutdown_timeout_h": 0.1}, 0.1, "none"),
        ({"now_h": 0.08, "shutdown_timeout_h": 0.1}, 0.105, "warn"),
        # while the machine slept no time went by
        ({"now_h": 7, "shutdown_timeout_h": 6, "slept_h": 5}, 11, "none"),
        # never without a warning: our services were away for long
        ({"now_h": 50, "used_h": 50, "shutdown_timeout_h": 6}, 50.25, "warn"),
        ({"now_h": 50.2, "used_h": 50, "shutdown_timeout_h": 6, "warned_ms": 50}, 50.25, "none"),
        # by idleness
        ({"now_h": 1, "default_h": 2}, 2, "none"),
        ({"now_h": 1.8, "default_h": 2, "warned_ms": 1.75}, 2, "none"),
        ({"now_h": 2, "default_h": 2, "warned_ms": 1.75}, 2, "stop"),
        ({"now_h": 2, "default_h": 2, "idle_shutdown_h": 8}, 8, "none"),
        ({"now_h": 2, "default_h": 2, "idle_shutdown_h": 0}, None, "none"),
        ({"now_h": 5, "used_h": 5, "default_h": 2, "warned_ms": 1.75}, 7, "withdraw"),
        ({"now_h": 2, "default_h": 0, "warned_ms": 1.75}, None, "withdraw"),  # the setting was changed
        # whichever comes first
        ({"now_h": 5, "used_h": 5, "default_h": 2, "shutdown_timeout_h": 6}, 6, "none"),
        ({"now_h": 3, "used_h": 2, "default_h": 2, "shutdown_timeout_h": 6}, 4, "none"),
        # an hour more
        ({"now_h": 6, "shutdown_timeout_h": 6, "hold_until_ms": 7}, 7, "none"),
        ({"now_h": 7, "shutdown_timeout_h": 6, "hold_until_ms": 7, "warned_ms": 6.75}, 7, "stop"),
        # until it is done: no stop while anything runs, and then soon
        ({"now_h": 20, "used_h": 20, "shutdown_timeout_h": 6, "kept_ms": 5.9}, 20.25, "warn"),
        ({"now_h": 3, "used_h": 1, "shutdown_timeout_h": 6, "kept_ms": 2}, 6, "none"),
        ({"now_h": 2, "default_h": 2, "kept_ms": 1.9}, 3.9, "none"),
    ],
)  # fmt: skip
def test_when_it_stops(case: Case, stops_h: float | None, does: str) -> None:
    hours, found = decide(**case)
    assert found == does and hours == (pytest.approx(stops_h) if stops_h is not None else None)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits("w1", 6), "its shutdown timeout is 6 h from its start"),
        (Limits("w1", 0.5), "its shutdown timeout is 30 min from its start"),
        (
            Limits("w1", 0, 2),
            "idle since 14:05 UTC, last used by a busy kernel; its idle limit is 2 h",
        ),
        (
            Limits("w1", 1, None, kept_ms=at(3)),
            "its shutdown timeout is 1 h from its start, and it is idle since 15:00 UTC, when somebody kept it",
        ),
    ],
)
def test_the_words(limits: Limits, words: str) -> None:
    used = Activity("w1", at(2) + 5 * MINUTE_MS, "a busy kernel", at(2), 0)
    stop = planned(limits, 0, START, used, at(2))
    assert stop is not None and stop.why == words
