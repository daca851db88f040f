"""The kernel's own word on memory limits; the engine's flag stays false on cgroup v1."""

from __future__ import annotations

import os
import re
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_RECORD = 8192  # the kernel's own upper bound for one record of /dev/kmsg


def oom_kills_of(pid: int) -> int:
    """Processes killed at the memory limit in the cgroup of this pid so far; 0 when unknown."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text()
        return max((_count(path) for path in counter_files(lines)), default=0)
    except OSError:
        return 0


def counter_files(proc_cgroup: str) -> list[Path]:
    """Where the kernel may count, v1 or v2, from the text of /proc/PID/cgroup."""
    found = []
    for line in proc_cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            found.append(_CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control")
        elif not controllers:
            found.append(_CGROUPS / path.lstrip("/") / "memory.events")
    return found


def _count(path: Path) -> int:
    """The `oom_kill N` line. On a hybrid host only one of the two files exists."""
    if not path.exists():
        return 0
    match = re.search(r"^oom_kill (\d+)$", path.read_text(), re.MULTILINE)
    return int(match.group(1)) if match else 0


def kernel_log_has_oom(container_id: str) -> bool:
    """Whether the kernel's log still tells of a kill at this container's memory limit. Fast."""
    wanted = re.compile(rb"oom_memcg=[^,]*" + re.escape(container_id.encode()))
    try:
        fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return any(wanted.search(record) for record in _records(fd))
    finally:
        os.close(fd)


def _records(fd: int) -> list[bytes]:
    records = []
    while True:
        try:
            records.append(os.read(fd, _RECORD))
        except BrokenPipeError:
            continue  # this record was overwritten while we read; the next read goes on behind it
        except OSError:
            return records  # EAGAIN: the end
