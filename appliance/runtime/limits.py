"""Live settings that bound what workloads may use."""

from __future__ import annotations

from appliance.plugins.contracts import Setting

CPU_OVERCOMMIT = Setting(
    "scheduler.cpu_overcommit",
    float,
    1.0,
    "How many times the machine's cores are handed out; notebooks are idle most of the time",
    bounds=(0.1, 64),
)

DISK_RESERVE = Setting(
    "disk.reserve_mib",
    int,
    1024,
    "Mebibytes of the disk that uploads, downloads and workspaces leave free; at most a twentieth of it",
    bounds=(0, 1 << 24),
)
