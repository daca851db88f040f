"""Time as UTC integers in milliseconds, through an object that tests can move."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """Where code reads the time; never `time.time()` directly."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._slept_ms = 0

    def now_ms(self) -> int:
        return self._now_ms

    def awake_ms(self) -> int:
        """Milliseconds that the machine was awake, from some moment on."""
        return self._now_ms - self._slept_ms

    def advance(self, seconds: float) -> None:
        """Move forward by this many seconds."""
        self._now_ms += int(seconds * 1000)

    def sleep(self, seconds: float) -> None:
        """Move forward while the machine sleeps."""
        self.advance(seconds)
        self._slept_ms += int(seconds * 1000)


def iso(ms: int | None) -> str | None:
    """ISO 8601 with zone, as REST v1 writes dates: 2024-05-07T15:24:10.000Z. None stays None."""
    if ms is None:
        return None
    moment = datetime.fromtimestamp(ms // 1000, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
