"""The supervisor: the one process with root's rights. It makes the containers be as the database says.

Level-triggered: every turn compares rows and containers and takes the next step for each, so a start after a crash is a turn
like any other. Slow steps (pulls, stops) run in a pool, one workload in one thread at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from appliance import settings
from appliance.boot import Appliance
from appliance.db import Db, write
from appliance.errors import ApplianceError, Unavailable
from appliance.runtime import capacity, imagegate, scheduler, slots, workloads
from appliance.runtime.backend import Backend, Container
from appliance.runtime.lifecycle import Lifecycle
from appliance.runtime.limits import CPU_OVERCOMMIT
from appliance.runtime.places import checked
from appliance.runtime.probe import listens
from appliance.runtime.reconcile import decide
from appliance.runtime.scheduler import Ask, Capacity
from appliance.runtime.workloads import Workload

log = logging.getLogger(__name__)

IDLE_TURN_S = 1.0
STARTING_TURN_S = 0.25
PEEK_S = 0.02
SWEEP_EVERY_TURNS = 30


@dataclass
class Supervisor:
    """turn() is called in one thread; everything slow goes to the pool."""

    appliance: Appliance
    backend: Backend
    lifecycle: Lifecycle
    pool: Executor
    makers: Executor  # for making containers, which may wait for a registry: stops must not queue behind that
    again: threading.Event = field(default_factory=threading.Event)
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turns: int = 0
    # sockets of starting programs, to be looked at until somebody listens
    unanswered: dict[str, Path] = field(default_factory=dict)

    def wait(self, pause_s: float) -> None:
        """Until somebody wakes us, pause_s at most. A program that begins to listen meanwhile is asked at once.

        Looking at sockets costs next to nothing; looking at all containers as often would slow down what starts.
        """
        ends = time.monotonic() + pause_s
        while (left_s := ends - time.monotonic()) > 0:
            if self.again.wait(min(left_s, PEEK_S) if self.unanswered else left_s):
                break
            for workload_id in [name for name, path in self.unanswered.items() if listens(path)]:
                if self._run(workload_id, self.lifecycle.drive):
                    del self.unanswered[workload_id]
        self.again.clear()

    def turn(self) -> float:
        """One look at everything; returns the seconds after which to look again if nobody wakes us."""
        db = self.appliance.local.get()
        live = self._readable(db, workloads.live(db))
        self._turns += 1
        if not live and self._turns % SWEEP_EVERY_TURNS != 1 and not self._leftovers():
            return IDLE_TURN_S
        try:
            containers = {container.name: container for container in self.backend.list()}
        except Unavailable as error:
            log.warning("%s", error)
            return IDLE_TURN_S
        self._schedule(db, live)
        live = self._readable(db, workloads.live(db))
        for workload in live:
            name = self.lifecycle.places.container_name(workload.id)
            step = decide(workload, containers.get(name), self.lifecycle.boot_id)
            if step != "none":
                pool = self.makers if step == "create" else self.pool
                self._run(workload.id, self.lifecycle.drive, pool)
        self._sweep(live, containers)
        self.unanswered = self._sockets(w for w in live if w.state == "starting")
        hurry = any(workload.state in ("starting", "provisioning") for workload in live)
        return STARTING_TURN_S if hurry else IDLE_TURN_S

    def _readable(self, db: Db, live: list[Workload]) -> list[Workload]:
        """Those that make sense; one that does not ends here, instead of stopping the turn for all others."""
        good = []
        for workload in live:
            try:
                checked(workload.id)
                if workload.final_json:
                    _ = workload.final
                good.append(workload)
            except (ValidationError, ApplianceError) as error:
                log.warning("workload %r is malformed: %s", workload.id, error)
                with write(db):
                    workloads.end(
                        db, workload.id, "error", "Malformed", "its row in the database is damaged"
                    )
        return good

    def _sockets(self, found: Iterable[Workload]) -> dict[str, Path]:
        directory = self.lifecycle.places.socket_dir
        return {w.id: directory(w.id) / w.final.route.socket for w in found if w.final.route}

    def _schedule(self, db: Db, live: list[Workload]) -> None:
        waiting = [w for w in live if w.state == "pending" and w.wanted == "run" and w.final_json]
        waiting = [w for w in waiting if self._has_image(db, w)]
        if not waiting:
            return
        asks = [Ask(w.id, w.final.resources, w.seq, w.priority, w.label) for w in waiting]
        plan = scheduler.plan(asks, workloads.leases(db), self.capacity(db))
        shown = {w.id: (w.wait_position, w.wait_reason) for w in waiting}
        changed = [wait for wait in plan.waits if shown[wait.id] != (wait.position, wait.reason)]
        if not (plan.grants or plan.impossible or changed):
            return
        with write(db):
            for lease in plan.grants:
                workloads.grant(db, lease, self.lifecycle.boot_id)
            for wait in changed:
                workloads.set_wait(db, wait)
            for wait in plan.impossible:
                workloads.end(
                    db,
                    wait.id,
                    "error",
                    "NeverFits",
                    f"{wait.reason}: choose a smaller instance type",
                )

    def _has_image(self, db: Db, workload: Workload) -> bool:
        """Whether it may queue: what waits for a build holds no place and no lease, and says what it waits for."""
        verdict = imagegate.look(db, self.backend, self.lifecycle.images, workload)
        if verdict.state == "ready":
            return True
        failed = verdict.state == "failed"
        if failed or workload.step != verdict.words:
            with write(db):
                if failed:
                    workloads.end(db, workload.id, "error", "ImageBuildFailed", verdict.words)
                else:
                    workloads.note(db, workload.id, verdict.words)
        return False

    def capacity(self, db: Db) -> Capacity:
        """What may be leased, by the settings in force."""
        return capacity.measure(settings.get(db, CPU_OVERCOMMIT))

    def _sweep(self, live: list[Workload], containers: dict[str, Container]) -> None:
        """Remove what belongs to no live workload: containers, socket directories and slots of ended ones."""
        names = {self.lifecycle.places.container_name(workload.id) for workload in live}
        ids = {workload.id for workload in live}
        orphans = {
            c.labels.get("appliance.workload", "")
            for name, c in containers.items()
            if name not in names
        }
        for workload_id in (orphans | self._leftovers()) - ids - {""}:
            self._run(workload_id, self.lifecycle.clean_up)

    def _leftovers(self) -> set[str]:
        """Ids that still have a socket directory, mounted or not (a kill, a reboot), or a slot at the gateway."""
        directories = {path.name for path in self.appliance.config.paths.sockets.iterdir()}
        held = slots.all_held(self.appliance.local.get())
        return directories | {holder.workload_id for holder in held}

    def _run(
        self, workload_id: str, step: Callable[[str], bool], pool: Executor | None = None
    ) -> bool:
        """Hand a step to a pool; False when this workload has one running."""
        with self._lock:
            if workload_id in self._busy:
                return False
            self._busy.add(workload_id)
        (pool or self.pool).submit(self._step, workload_id, step)
        return True

    def _step(self, workload_id: str, step: Callable[[str], bool]) -> None:
        changed = False
        try:
            changed = step(workload_id)
        except ApplianceError as error:
            log.warning("%s: %s", workload_id, error)
        except (
            Exception
        ):  # a bug in one step must not take the thread, and with it the workload, away silently
            log.exception("%s: step failed", workload_id)
        finally:
            with self._lock:
                self._busy.discard(workload_id)
            if changed:  # else the next turn comes in its time: a step that fails must not spin
                self.again.set()
