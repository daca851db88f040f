"""How much the machine has to give to workloads."""

from __future__ import annotations

import os
import re
from pathlib import Path

from appliance.runtime.scheduler import Capacity

RESERVE_MIN_MIB = 1024
RESERVE_SHARE = 0.08


def measure(cpu_overcommit: float = 1.0, meminfo: Path = Path("/proc/meminfo")) -> Capacity:
    """All cores times the overcommit, and the memory less 8 % (at least 1 GiB) for the system and us."""
    total = re.search(r"^MemTotal:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    total_mib = int(total[1]) // 1024 if total else 0
    reserve_mib = max(RESERVE_MIN_MIB, int(total_mib * RESERVE_SHARE))
    cores = len(os.sched_getaffinity(0))
    return Capacity(int(cores * 1000 * cpu_overcommit), max(total_mib - reserve_mib, 256))


def boot_id() -> str:
    """Changes with every boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
