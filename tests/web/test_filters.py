"""Times, durations and sizes as pages write them."""

from __future__ import annotations

import pytest
from jinja2 import Environment

from appliance.clock import ManualClock
from appliance.web import filters

NOW_MS = 1_700_000_000_000
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "–"),
        (-5, "0 ms"),
        (820, "820 ms"),
        (4 * SECOND, "4 s"),
        (3 * MINUTE + 12 * SECOND, "3m 12s"),
        (2 * HOUR + 5 * MINUTE, "2h 05m"),
        (3 * DAY + 4 * HOUR, "3d 4h"),
    ],
)
def test_duration(ms: int | None, text: str) -> None:
    assert filters.duration(ms) == text


@pytest.mark.parametrize(
    ("before_ms", "text"),
    [
        (0, "just now"),
        (44 * SECOND, "just now"),
        (45 * SECOND, "1 min ago"),
        (5 * MINUTE, "5 min ago"),
        (3 * HOUR, "3 h ago"),
        (DAY, "1 day ago"),
        (4 * DAY, "4 days ago"),
        (40 * DAY, "2023-10-05"),
        (-5 * MINUTE, "in 5 min"),
    ],
)
def test_ago(before_ms: int, text: str) -> None:
    assert filters.ago(NOW_MS - before_ms, NOW_MS) == text


def test_ago_of_nothing() -> None:
    assert filters.ago(None, NOW_MS) == filters.absolute(None) == "–"


def test_absolute_names_its_zone() -> None:
    assert filters.absolute(NOW_MS) == "2023-11-14 22:13:20 UTC"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (3 * 1024**3, "3.0 GiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_size(count: int | None, text: str) -> None:
    assert filters.size(count) == text


def test_unknown_states_are_quiet() -> None:
    assert filters.state_look("running") == "good"
    assert filters.state_look("from-a-plugin") == "quiet"


def test_filters_read_the_clock_when_they_are_used() -> None:
    environment, clock = Environment(), ManualClock(NOW_MS)
    filters.install(environment, clock)
    template = environment.from_string("{{ ms|ago }} {{ size|bytes }}")
    clock.advance(120)
    assert template.render(ms=NOW_MS, size=2048) == "2 min ago 2.0 KiB"
