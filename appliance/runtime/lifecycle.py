"""One workload, step by step. Each step is repeatable and leaves the row true, so a kill between steps costs nothing."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from appliance import identity
from appliance.clock import Clock
from appliance.config import Config
from appliance.db import Db, LocalDb, write
from appliance.errors import ApplianceError, Unavailable
from appliance.plugins.contracts import Image
from appliance.runtime import (
    catalogue,
    envfile,
    guard,
    hidden,
    network,
    room,
    slots,
    socketdir,
    states,
    workloads,
)
from appliance.runtime.backend import (
    Backend,
    BackendError,
    BackendTimeout,
    Container,
    ImageNotFound,
)
from appliance.runtime.places import Places
from appliance.runtime.reconcile import decide
from appliance.runtime.slots import Held
from appliance.runtime.workloads import Workload

log = logging.getLogger(__name__)

# On a full disk JupyterLab writes what it needs to run into memory, and so it starts where nothing can be written.
CLEAN_UP_ENV = {
    "JUPYTER_RUNTIME_DIR": "/dev/shm/jupyter/runtime",
    "JUPYTER_CONFIG_DIR": "/dev/shm/jupyter/config",
    "JUPYTER_DATA_DIR": "/dev/shm/jupyter/data",
    "IPYTHONDIR": "/dev/shm/jupyter/ipython",
    "TMPDIR": "/dev/shm",
}
CLEAN_UP_WORDS = "clean-up mode: the disk is full, nothing can be saved; delete files here, then stop it and start it again"
DISK_FULL = "the disk is full: delete notebooks or files that nobody needs, then start it again"
READY_HINT = "its last log lines say what it was doing; a larger instance type starts faster"


class StopWished(ApplianceError):
    """Somebody wants it stopped while it is still being fetched."""


class Prober(Protocol):
    """Asks a program whether it is ready."""

    def ready(self, socket: Path, path: str) -> bool:
        """Whether GET path through the unix socket answers 200 within a second."""


@dataclass(frozen=True)
class Lifecycle:
    """Drives workloads; safe to call from several threads, one workload in one thread at a time."""

    config: Config
    backend: Backend
    places: Places
    prober: Prober
    local: LocalDb
    clock: Clock
    boot_id: str
    images: Mapping[str, Image]
    made_again: set[str] = field(default_factory=set)

    def drive(self, workload_id: str) -> bool:
        """Take steps until there is nothing to do now; whether that changed anything.

        Blocks for as long as a pull or a stop takes.
        """
        db = self.local.get()
        before = workloads.get(db, workload_id).state
        self._drive(db, workload_id)
        return workloads.get(db, workload_id).state != before

    def _drive(self, db: Db, workload_id: str) -> None:
        while True:
            workload = workloads.get(db, workload_id)
            container = self.backend.inspect(self.places.container_name(workload_id))
            step = decide(workload, container, self.boot_id)
            if step == "none":
                return
            try:
                if not self._take(step, db, workload, container):
                    return
            except ImageNotFound as error:
                self._end(db, workload, "error", "ImageNotFound", str(error))
            except StopWished:
                continue
            except Unavailable:
                log.warning("the container engine is away; %s waits", workload_id)
                return
            except BackendError as error:
                if step == "stop":
                    log.warning("stopping %s failed, trying again: %s", workload_id, error)
                    return
                self._end(db, workload, "error", "StartFailed", str(error))
            except ApplianceError as error:
                self._end(db, workload, "error", "Refused", str(error))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                self._end(db, workload, "error", "DiskFull", DISK_FULL)

    def _take(self, step: str, db: Db, workload: Workload, container: Container | None) -> bool:
        """Do one step; False when the next one has to wait for the world."""
        if step == "create":
            return self._create(db, workload)
        if step == "start":
            return self._start(db, workload)
        if step == "mark_started":
            return self._started(db, workload)
        if step == "probe":
            return self._probe(db, workload)
        if step == "stop":
            return self._stop(db, workload, container)
        if step == "finish" and container is not None:
            return self._finish(db, workload, container)
        if step == "restart_lost":
            self._end(
                db,
                workload,
                "stopped",
                "MachineRestarted",
                "the machine was restarted; start it again",
            )
        else:
            self._end(
                db, workload, "error", "ContainerLost", "its container vanished; start it again"
            )
        return False

    def _create(self, db: Db, workload: Workload) -> bool:
        spec, team = workload.final, identity.team_by_id(db, workload.team_id)
        guard.check(workload, spec, team, self.config)
        cleaning = room.make(self.config.paths)
        image = self._image(db, workload)
        digest = self.backend.image_digest(image)
        with write(db):
            workloads.set_image_digest(db, workload.id, digest)
            slot = slots.take(db, workload.id, spec.route)
        if slot is not None:
            slots.link(self.config.paths, Held(slot, workload.id))
        self.backend.ensure_network(network.team_network(self.config, team.slot))
        secret_env = hidden.env(db, self.places.keys, workload)
        container = self.places.container_spec(
            workload, team, secret_env, lambda: self.backend.image_config(image)
        )
        if cleaning:
            container = replace(container, env={**container.env, **CLEAN_UP_ENV})
            with write(db):
                workloads.remark(db, workload.id, CLEAN_UP_WORDS)
        self.backend.create(replace(container, image=image))
        if workload.boot_id != self.boot_id:
            with write(db):
                workloads.set_boot(db, workload.id, self.boot_id)
        return True

    def _image(self, db: Db, workload: Workload) -> str:
        """The image to run, fetched if need be; where it can't be had, ours that stands in for it, and its user is told."""
        wanted = workload.final.image
        if self.backend.has_image(wanted):
            return wanted
        try:
            self._pull(db, workload)
            return wanted
        except BackendError as error:
            ours = catalogue.stand_in(self.images, wanted)
            if ours is None or not self.backend.has_image(self._reference(ours)):
                raise
            log.warning("%s: %s; %s stands in", workload.id, error, ours.name)
            text = f"{wanted} can't be had from its registry: the image {ours.name} of this appliance stands in for it"
            with write(db):
                workloads.remark(db, workload.id, text)
            return self._reference(ours)

    def _reference(self, image: Image) -> str:
        return catalogue.reference(self.images, image.name)

    def _pull(self, db: Db, workload: Workload) -> None:
        spec = workload.final

        def progress(text: str) -> None:
            self._note(db, workload, f"pulling {spec.image}: {text}")

        def unwanted() -> bool:
            return workloads.get(self.local.get(), workload.id).wanted == "stop"

        login = hidden.pull_login(db, self.places.keys, workload)
        progress("asking the registry")
        try:
            self.backend.pull(spec.image, spec.pull_timeout_s, progress, login, unwanted)
        except Unavailable:
            if unwanted():
                raise StopWished("stopped while its image was pulled") from None
            raise
        except BackendTimeout:
            raise BackendError(
                f"pulling {spec.image} took longer than {spec.pull_timeout_s} s",
                hint="try again, or pull it by hand",
            ) from None

    def _start(self, db: Db, workload: Workload) -> bool:
        """Start it; one that cannot be started is made again, once.

        An engine killed between the halves of a start leaves a container that never starts.
        """
        name = self.places.container_name(workload.id)
        self._note(db, workload, "starting the container")
        try:
            self.backend.start(name)
        except BackendError as error:
            if workload.id in self.made_again:
                raise
            log.warning("%s did not start, making its container again: %s", workload.id, error)
            self.backend.remove(name)
            self.made_again.add(workload.id)
            return True
        return self._started(db, workload)

    def _probe(self, db: Db, workload: Workload) -> bool:
        route = workload.final.route
        socket = self.places.socket_dir(workload.id) / (route.socket if route else "")
        if route is None or self.prober.ready(socket, route.ready_path):
            with write(db):
                if workloads.move(db, workload.id, "running"):
                    workloads.open_route(
                        db, workload, self.places.upstream(workload, slots.of(db, workload.id))
                    )
            return False
        limit_s = workload.final.ready_timeout_s
        if self.clock.now_ms() - (workload.started_ms or 0) > limit_s * 1000:
            message = f"it did not answer within {limit_s} s; {READY_HINT}"
            self._end(db, workload, "error", "ReadinessTimeout", message)
        return False

    def _stop(self, db: Db, workload: Workload, container: Container | None) -> bool:
        if workload.state != "stopping" and not self._move(db, workload, "stopping", "stopping"):
            return False
        if container is not None and container.state == "running":
            self.backend.stop(container.name, workload.final.stop_timeout_s)
            return True  # the container has ended now: finish comes next
        state = end_state(workload.kind, -1, killed_by_us=True)
        self._end(db, workload, state, "Stopped", workload.stop_reason or "stopped before it ran")
        return False

    def _finish(self, db: Db, workload: Workload, container: Container) -> bool:
        code = container.exit_code if container.exit_code is not None else -1
        ours = workload.wanted == "stop"
        memory = workload.final.resources.memory_mib
        reason, message = states.explain_exit(code, ours, container.oom_killed, memory)
        if ours:
            message = workload.stop_reason or message
        self._end(db, workload, end_state(workload.kind, code, ours), reason, message, code)
        return False

    def _move(self, db: Db, workload: Workload, state: str, step: str = "") -> bool:
        with write(db):
            return workloads.move(db, workload.id, state, step=step)

    def _started(self, db: Db, workload: Workload) -> bool:
        try:
            network.ensure_keeper(self.config, identity.team_by_id(db, workload.team_id).slot)
        except Unavailable as error:  # the next start tries again
            log.warning("%s", error)
        with write(db):
            return workloads.started(db, workload.id, self.boot_id)

    def _note(self, db: Db, workload: Workload, text: str) -> None:
        with write(db):
            workloads.note(db, workload.id, text)

    def _end(
        self,
        db: Db,
        workload: Workload,
        state: str,
        reason: str,
        message: str,
        code: int | None = None,
    ) -> None:
        with write(db):
            workloads.end(db, workload.id, state, reason, message, code)

    def clean_up(self, workload_id: str) -> bool:
        """Remove what an ended workload leaves: container, secrets, socket directory, slot at the gateway. Repeatable.

        The socket directory goes behind the rest that is on the host: what is found there is cleaned up again.
        """
        self.backend.remove(self.places.container_name(workload_id))
        self.made_again.discard(workload_id)
        envfile.remove(self.config.paths.env, workload_id)
        socketdir.remove(self.places.socket_dir(workload_id))
        db = self.local.get()
        if slots.of(db, workload_id) is not None:
            with write(db):  # not before its processes, and with them its connections, are gone
                slots.release(db, workload_id)
        return True


def end_state(kind: str, exit_code: int, killed_by_us: bool) -> str:
    """How a workload whose program ended is filed: a notebook that ends by itself in peace is stopped."""
    if killed_by_us:
        return "stopped" if kind == "notebook" else "canceled"
    if exit_code == 0:
        return "stopped" if kind == "notebook" else "succeeded"
    return "failed"
