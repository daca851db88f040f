"""Live settings that bound what workloads may use."""

from __future__ import annotations

from appliance.plugins.contracts import Setting

WORKSPACE_MIB = Setting(
    "workspaces.max_mib",
    int,
    4096,
    "The largest workspace that a notebook may be created with, in MiB",
    bounds=(1, 1_048_576),
)
WORKSPACE_TIMEOUT_S = Setting(
    "workspaces.timeout_s",
    int,
    1800,
    "How long fetching a workspace may take, in seconds",
    bounds=(10, 86_400),
)
WORKSPACE_LOCAL = Setting(
    "workspaces.from_this_machine",
    bool,
    False,
    "Whether workspaces may come from this machine itself and from its containers' networks, as for a git server on it",
)
FORK_MIB = Setting(
    "notebooks.fork_max_mib",
    int,
    4096,
    "The most that a fork of a notebook may copy, in MiB",
    bounds=(1, 1_048_576),
)
VERSION_MIB = Setting(
    "notebooks.version_max_mib",
    int,
    256,
    "The most that is kept of a notebook's files when a session ends, in MiB",
    bounds=(1, 1_048_576),
)
VERSIONS_KEPT = Setting(
    "notebooks.versions_kept",
    int,
    10,
    "How many past versions of a notebook's files are kept; 0 = none",
    bounds=(0, 1000),
)
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
