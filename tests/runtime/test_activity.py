"""What is known of the use of a workload, look by look."""

from __future__ import annotations

import pytest

from appliance.runtime.activity import MINUTE_MS, Activity, advanced

START = 28_000_000 * MINUTE_MS
OFFSET = START - 5_000


def known() -> Activity:
    """Used and looked at in the minute before START."""
    return Activity("w1", START, "a busy kernel", START - MINUTE_MS, OFFSET)


@pytest.mark.parametrize(
    ("later_s", "slept_s", "why", "used", "by"),
    [
        (30, 0, "", 0, "a busy kernel"),
        (30, 0, "vim in a terminal", 1, "vim in a terminal"),
        (100, 0, "", 0, "a busy kernel"),
        (600, 0, "", 11, "the time that nobody watched it"),  # our services were away
        (36_000, 35_990, "", 601, "the time that nobody watched it"),  # the machine slept
        (-7_200, -7_200, "", -119, "the time that nobody watched it"),  # its clock was set back
        (600, 0, "a busy kernel", 11, "a busy kernel"),
    ],
)
def test_a_look(later_s: int, slept_s: int, why: str, used: int, by: str) -> None:
    now = START + later_s * 1000
    found = advanced(known(), "w1", now, now - OFFSET - slept_s * 1000, why)
    assert (found.last_used_ms, found.why) == (START + used * MINUTE_MS, by)
    assert found.watched(now) and found.slept_ms == max(0, slept_s // 60 * MINUTE_MS)


def test_the_first_look_counts_as_use() -> None:
    found = advanced(None, "w1", START + 1, 77, "")
    assert found.why == "its start" and found.in_use(START + MINUTE_MS)
    assert found.offset_ms == START + 1 - 77


def test_a_row_changes_once_a_minute() -> None:
    first = advanced(None, "w1", START, START - OFFSET, "a busy kernel")
    for second in range(60):
        now = START + second * 1000
        assert advanced(first, "w1", now, now - OFFSET, "a busy kernel") == first
    now = START + MINUTE_MS
    assert advanced(first, "w1", now, now - OFFSET, "a busy kernel") != first


def test_nothing_is_concluded_while_nobody_looks() -> None:
    assert known().watched(START + MINUTE_MS) and not known().watched(START + 5 * MINUTE_MS)
