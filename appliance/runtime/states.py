"""A workload's life as data: which state may follow which, and what each one is called elsewhere."""

from __future__ import annotations

from typing import Literal

State = Literal[
    "pending",
    "provisioning",
    "starting",
    "running",
    "stopping",
    "stopped",
    "succeeded",
    "failed",
    "error",
    "canceled",
    "skipped",
    "preempted",
]

# failed: the user's program ended badly, its exit code is kept. error: ours, or the request can't be met.
ENDED: frozenset[str] = frozenset(
    {"stopped", "succeeded", "failed", "error", "canceled", "skipped", "preempted"}
)
LIVE: frozenset[str] = frozenset({"pending", "provisioning", "starting", "running", "stopping"})

NEXT: dict[str, frozenset[str]] = {
    # back to pending: its image or network could not be had because the engine restarted; it queues again
    "pending": frozenset({"provisioning", "canceled", "error", "skipped"}),
    "provisioning": frozenset({"starting", "stopping", "error", "failed", "pending", "stopped"}),
    "starting": frozenset({"running", "stopping", "error", "failed", "succeeded", "stopped"}),
    "running": frozenset({"stopping", "error", "failed", "succeeded", "stopped", "preempted"}),
    "stopping": frozenset({"stopped", "canceled", "preempted", "error", "failed", "succeeded"}),
}

# Gradient's API enum; a notebook's state there is one of these (rest-v1, NotebookState).
API_NOTEBOOK_STATES: dict[str, str] = {
    "pending": "Pending",
    "provisioning": "Provisioned",
    "starting": "Provisioned",
    "running": "Running",
    "stopping": "Running",
    "stopped": "Stopped",
    "succeeded": "Stopped",
    "failed": "Failed",
    "error": "Error",
    "canceled": "Cancelled",
    "skipped": "Cancelled",
    "preempted": "Preempted",
}


def may_follow(state: str, wanted: str) -> bool:
    """Whether the machine allows this step."""
    return wanted in NEXT.get(state, frozenset())


def explain_exit(code: int, killed_by_us: bool, oom: bool, memory_mib: int) -> tuple[str, str]:
    """Reason (a word for programs) and message (a sentence for people) for an ended main process."""
    if oom and not killed_by_us:
        return "OutOfMemory", (
            f"the program was killed: it used more than its {memory_mib} MiB of memory. "
            "Start it on a larger instance type, or load less at once"
        )
    if killed_by_us:
        return "Stopped", "stopped on request"
    if code == 0:
        return "Finished", "the program ended by itself with exit code 0"
    if code == 137:
        return "Killed", (
            f"the program was killed (exit code 137), most likely for memory: its limit is {memory_mib} MiB"
        )
    if code == 127:
        return (
            "CommandNotFound",
            "exit code 127: the image has no such command; check the command or the image",
        )
    if code == 126:
        return "CommandNotExecutable", "exit code 126: the command is there but can't be executed"
    if code == 1:
        return "ExitCode", "the program failed with exit code 1; its last log lines say why"
    if code > 128:
        return "Signal", f"the program was ended by signal {code - 128} (exit code {code})"
    return "ExitCode", f"the program failed with exit code {code}; its last log lines say why"
