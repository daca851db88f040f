"""What the kernel counts of a container, on cgroup v1 and v2; the engine's own flag for memory stays false on v1."""

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


def cpu_ns(pid: int) -> int | None:
    """Processor time that the cgroup of this pid has used so far; None when unknown."""
    for directory, name, key, factor in (
        ("cpuacct", "cpuacct.usage", "", 1),
        ("", "cpu.stat", "usage_usec ", 1000),
    ):
        text = _read(pid, directory, name)
        matched = re.search(rf"^{key}(\d+)$", text, re.MULTILINE)
        if matched:
            return int(matched.group(1)) * factor
    return None


def peak_bytes(pid: int) -> int:
    """The most memory that the cgroup of this pid ever used; 0 when unknown."""
    text = _read(pid, "memory", "memory.max_usage_in_bytes") or _read(pid, "", "memory.peak")
    return int(text) if text.strip().isdigit() else 0


def pids_of(pid: int) -> list[int]:
    """All processes in the cgroup of this pid, itself too."""
    text = _read(pid, "memory", "cgroup.procs") or _read(pid, "", "cgroup.procs")
    return [int(line) for line in text.split()]


def _read(pid: int, controller: str, name: str) -> str:
    """A file of this pid's cgroup; "" where there is none. controller: of v1, "" for v2."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text()
        path = _path(lines, controller)
        root = _CGROUPS / controller if controller else _CGROUPS
        return (root / path.lstrip("/") / name).read_text() if path else ""
    except OSError:
        return ""


def _path(proc_cgroup: str, controller: str) -> str:
    """The path of a controller's hierarchy in /proc/PID/cgroup; "" for none and for the root, which is no container's."""
    for line in proc_cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return "" if path == "/" else path
    return ""


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
