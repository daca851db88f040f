"""Looks at everything that runs, every few seconds: what uses it, and what the kernel had to kill for memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from appliance.boot import Appliance
from appliance.db import Db, write
from appliance.errors import ApplianceError
from appliance.events import emit
from appliance.runtime import activity, cgroup, processes, workloads
from appliance.runtime.activity import Activity
from appliance.runtime.backend import Backend, Container
from appliance.runtime.places import Places
from appliance.runtime.processes import Process
from appliance.runtime.signs import SIGNS, Look, Sign
from appliance.runtime.workloads import Workload

log = logging.getLogger(__name__)

TURN_S = 5.0
LOOK_EVERY_TURNS = 4
GIB, MIB = 1 << 30, 1 << 20


@dataclass(frozen=True)
class Measured:
    """Processor time that a workload had used at a moment. awake_ms: of the clock that stops while the machine sleeps."""

    at_ms: int
    awake_ms: int
    cpu_ns: int


def monotonic_ms() -> int:
    """Stands still while the machine sleeps, the same for all processes since it was started."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000


class Watching:
    """turn() is called in one thread. It blocks for half a second for each program that does not answer."""

    def __init__(
        self,
        appliance: Appliance,
        backend: Backend,
        places: Places,
        signs: Iterable[Sign] = SIGNS,
        awake_ms: Callable[[], int] = monotonic_ms,
    ) -> None:
        self._appliance, self._backend, self._places = appliance, backend, places
        self._signs = tuple(signs)
        self._awake_ms = awake_ms
        self._measured: dict[str, Measured] = {}
        self._turns = 0

    def turn(self) -> None:
        """Memory at every turn; use at every fourth, which loses nothing: what it reads says what happened in between."""
        db = self._appliance.local.get()
        running = {w.id: w for w in workloads.live(db) if w.state == "running"}
        looking = self._turns % LOOK_EVERY_TURNS == 0
        self._turns += 1
        self._measured = {key: value for key, value in self._measured.items() if key in running}
        if not running:
            return
        containers = {c.labels.get("appliance.workload", ""): c for c in self._backend.list()}
        known = activity.of(db, running)
        for workload in running.values():
            container = containers.get(workload.id)
            if container is None or container.state != "running":
                continue
            try:
                self._one(db, workload, container, known.get(workload.id), looking)
            except (ValidationError, ApplianceError, OSError) as error:
                log.warning("looking at %r failed: %s", workload.id, error)

    def _one(
        self, db: Db, workload: Workload, container: Container, old: Activity | None, looking: bool
    ) -> None:
        found = processes.of_container(container.pid)
        processes.make_expendable(container.pid, found)
        new = old
        if looking or old is None:
            why = self._used_by(workload, container, found)
            now_ms = self._appliance.clock.now_ms()
            new = activity.advanced(old, workload.id, now_ms, self._awake_ms(), why)
        kills = self._backend.oom_kills(container)
        if new is None or (new == old and kills <= new.memory_kills):
            return
        with write(db):
            if kills > new.memory_kills:
                new = self._killed(db, workload, container, new, kills)
            activity.put(db, new)

    def _used_by(self, workload: Workload, container: Container, found: list[Process]) -> str:
        """What uses it now, "" for nothing."""
        before = self._measured.get(workload.id)
        cpu_ns = cgroup.cpu_ns(container.pid) or 0
        now = Measured(self._appliance.clock.now_ms(), self._awake_ms(), cpu_ns)
        self._measured[workload.id] = now
        route = workload.final.route
        look = Look(
            workload,
            self._places.socket_dir(workload.id) / route.socket if route else None,
            found,
            _cores(before, now),
            before.at_ms if before else now.at_ms,
        )
        return next((why for why in (sign(look) for sign in self._signs) if why), "")

    def _killed(
        self, db: Db, workload: Workload, container: Container, known: Activity, kills: int
    ) -> Activity:
        """Say so to whoever looks at it: the rest of it goes on as if nothing had happened."""
        peak = cgroup.peak_bytes(container.pid)
        limit_mib = workload.final.resources.memory_mib
        emit(
            db, f"{workload.kind}.memory_killed", subject=workload.owner_id, team_id=workload.team_id,
            project_id=workload.project_id, workload=workload.id, peak_bytes=peak, limit_mib=limit_mib,
        )  # fmt: skip
        workloads.remark(db, workload.id, explain(peak, limit_mib))
        return replace(
            known,
            memory_kills=kills,
            memory_killed_ms=self._appliance.clock.now_ms(),
            peak_bytes=peak,
        )


def explain(peak_bytes: int, limit_mib: int) -> str:
    """Why a kernel is gone, with the numbers and the next step."""
    limit = limit_mib * MIB
    used = f"{min(peak_bytes or limit, limit) / GIB:.1f} of {limit_mib / 1024:.1f} GiB"
    return (
        f"a process was killed for memory at {used}: use a larger instance type, or load less at once; "
        "the rest goes on"
    )


def _cores(before: Measured | None, now: Measured) -> float:
    """Cores in use between two moments; 0 when that can't be known."""
    if before is None or now.awake_ms <= before.awake_ms:
        return 0.0
    return max(0, now.cpu_ns - before.cpu_ns) / 1e6 / (now.awake_ms - before.awake_ms)
