"""How far a pull is, from what the engine says of each layer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.runtime.backend import Progress

TELL_EVERY_S = 0.5


@dataclass
class Meter:
    """Called with each line of the engine's; tells bytes of all layers together, twice a second at most."""

    progress: Progress
    _layers: dict[str, tuple[int, int]] = field(default_factory=dict)
    _told_s: float = float("-inf")

    def __call__(self, line: Mapping[str, Any]) -> None:
        if line.get("stream"):
            self.progress(str(line["stream"]).rstrip())
        detail, layer = line.get("progressDetail"), str(line.get("id", ""))
        if not isinstance(detail, dict):
            return
        now, total = detail.get("current"), detail.get("total")
        if isinstance(now, int) and isinstance(total, int) and 0 <= now <= total:
            self._layers[layer] = now, total
        elif layer in self._layers and "complete" in str(line.get("status", "")):
            self._layers[layer] = self._layers[layer][1], self._layers[layer][1]
        if self._layers and time.monotonic() - self._told_s >= TELL_EVERY_S:
            self._told_s = time.monotonic()
            self.progress(words(*map(sum, zip(*self._layers.values()))))


def words(now: int, total: int) -> str:
    """`120.0 of 480.0 MiB (25 %)`. Layers that the engine has not begun with are not in the total yet."""
    part = 100 * now // total if total else 100
    return f"{now / (1 << 20):.1f} of {total / (1 << 20):.1f} MiB ({part} %)"


def names_registry(image: str) -> bool:
    """Whether a reference says from where: its first part looks like a host."""
    host, slash, _ = image.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")
