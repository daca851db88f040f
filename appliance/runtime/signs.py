"""What shows that somebody or something uses a workload. An open tab, or our own looking, never does.

A sign is a function of what was found at one look; it answers what uses the workload, as words for people, or "". Another
one, of GPUs for example, is one more element of SIGNS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.runtime import probe, processes
from appliance.runtime.processes import Process
from appliance.runtime.workloads import Workload

# Of one core, on average between two looks.
BUSY_CORES = 0.1
ASK_S = 0.5


@dataclass(frozen=True)
class Look:
    """A running workload at one moment. socket: where its program listens, None without a route.

    cores: how many it used since the look before, which was at since_ms.
    """

    workload: Workload
    socket: Path | None
    found: list[Process]
    cores: float
    since_ms: int


Sign = Callable[[Look], str]


def processor(look: Look) -> str:
    return f"its processes, which used {look.cores:.1f} cores" if look.cores >= BUSY_CORES else ""


def terminal(look: Look) -> str:
    """A program in a terminal, busy or not: whoever started it is waiting for it."""
    process = processes.in_terminal(look.found)
    return f"{process.name} in a terminal" if process else ""


def jupyter(look: Look) -> str:
    """Kernels that are busy or were since the last look, terminals that somebody typed into.

    Never the server's own last_activity: our asking would count there.
    """
    route = look.workload.final.route
    if look.socket is None or route is None or not route.ready_path.endswith("/api"):
        return ""
    kernels = probe.ask(look.socket, f"{route.ready_path}/kernels", ASK_S)
    if kernels is None:  # no Jupyter, or one that is stuck: no second question
        return ""
    if any(kernel.get("execution_state") == "busy" for kernel in _dicts(kernels)):
        return "a busy kernel"
    if _used_since(kernels, look.since_ms):
        return "a kernel"
    terminals = probe.ask(look.socket, f"{route.ready_path}/terminals", ASK_S)
    return "a terminal" if _used_since(terminals, look.since_ms) else ""


def _used_since(items: Any, since_ms: int) -> bool:
    return any(_moment_ms(item.get("last_activity")) >= since_ms for item in _dicts(items))


def _dicts(answer: Any) -> list[dict[str, Any]]:
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []


def _moment_ms(text: Any) -> int:
    """A time in ISO 8601, 0 for anything else."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError, OSError):
        return 0


SIGNS: tuple[Sign, ...] = (jupyter, terminal, processor)
