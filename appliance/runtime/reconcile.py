"""What to do next for one workload, as a pure function of its row and its container."""

from __future__ import annotations

from typing import Literal

from appliance.runtime.backend import Container
from appliance.runtime.workloads import Workload

Step = Literal[
    "none", "create", "start", "mark_started", "probe", "stop", "finish", "lost", "restart_lost"
]


def decide(workload: Workload, container: Container | None, boot_id: str) -> Step:
    """The one step that brings the world nearer to the wish. Killed between any two, the next turn goes on here."""
    if not workload.live or workload.state == "pending":
        return "none"
    state = container.state if container else None
    rebooted = workload.boot_id != boot_id
    if state == "exited":
        return "restart_lost" if rebooted and _ended_with_machine(workload, container) else "finish"
    if workload.wanted == "stop":
        return "stop"
    if workload.state == "provisioning":
        if rebooted:
            return "create"  # again: the container may be there, its socket directory was in memory
        return {None: "create", "created": "start", "running": "mark_started"}[state]  # type: ignore[return-value]
    if state is None or state == "created":
        # it had been started: after a reboot Podman knows the container as created again, or not at all
        return "restart_lost" if rebooted else "lost"
    if workload.state == "starting":
        return "probe"
    if workload.state == "stopping":
        return "stop"
    return "none"


def _ended_with_machine(workload: Workload, container: Container | None) -> bool:
    """Whether a machine that went down took it along: then its end says nothing about the program.

    Not what was told to stop, nor a job that had done its work.
    """
    done = container is not None and container.exit_code == 0 and workload.kind == "job"
    return workload.wanted == "run" and not done
