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
