"""The supervisor's work on images: builds that were asked for, what lies on this machine, what may go.

Level-triggered as everything here: a row that says "building" and has no thread of ours is of a supervisor that is gone
(its build ended with it), and waits again.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from concurrent.futures import Executor
from dataclasses import dataclass, field

from appliance.boot import Appliance
from appliance.clock import iso
from appliance.db import Db, write
from appliance.errors import ApplianceError, Refused, Unavailable
from appliance.ids import is_id
from appliance.runtime import builds, catalogue, local_images, logs, logwork, workloads
from appliance.runtime.backend import Backend, BackendError, LocalImage
from appliance.runtime.builder import Builder, step_of
from appliance.runtime.builds import Build
from appliance.runtime.places import Places

log = logging.getLogger(__name__)

AT_ONCE = 4  # recipes and Containerfiles among them take turns
LOOK_EVERY_MS = 30_000
KEEP_OLD_MS = 14 * 24 * 3600 * 1000


@dataclass
class ImageWork:
    """turn() is called in one thread, at every wake-up; builds run in the pool."""

    appliance: Appliance
    backend: Backend
    builder: Builder
    places: Places
    pool: Executor
    _running: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _looked_ms: int = 0

    def turn(self) -> None:
        """Start what waits; now and then look at what is there. Removes what somebody wants removed."""
        db = self.appliance.local.get()
        self._start_builds(db)
        try:
            self._tidy(db)
        except Unavailable as error:
            log.warning("%s", error)

    def _tidy(self, db: Db) -> None:
        if db.clock.now_ms() - self._looked_ms >= LOOK_EVERY_MS:
            self._look(db)
            self._looked_ms = db.clock.now_ms()
            self._remove_old(db)
        for image in local_images.to_remove(db):
            self._remove(db, image)
            self._look(db)

    def _start_builds(self, db: Db) -> None:
        for build in builds.live(db):
            with self._lock:
                if build.id in self._running or len(self._running) >= AT_ONCE:
                    continue
                self._running.add(build.id)
            if build.state == "building":
                self._begin_again(db, build)
            self.pool.submit(self._run, build.id)

    def _begin_again(self, db: Db, build: Build) -> None:
        log.warning("build %s of %s was interrupted: it begins again", build.id, build.image)
        with write(db):
            builds.requeue(db, build.id)

    def _run(self, build_id: str) -> None:
        try:
            self._build(self.appliance.local.get(), build_id)
        except Exception:  # a bug in one build must not take a thread away silently
            log.exception("build %s failed", build_id)
        finally:
            with self._lock:
                self._running.discard(build_id)

    def _build(self, db: Db, build_id: str) -> None:
        with write(db):
            if not builds.start(db, build_id):
                return
        build = builds.get(db, build_id)
        self._ensure_log(build_id)

        def progress(line: str) -> None:
            logs.write(self.places.log_dir(build_id), iso(db.clock.now_ms()) or "", line)
            step = step_of(line, build.image) or (line if build.kind == "pull" else "")
            if step:
                with write(db):
                    builds.note(db, build_id, step)

        state, message = "succeeded", ""
        try:
            self._check(db, build)
            message = self.builder.build(build, progress, lambda: self._why_end(build_id))
        except ApplianceError as error:
            canceled = self._why_end(build_id)
            state, message = ("canceled", canceled) if canceled else ("failed", str(error))
            progress(message.partition("\n")[0])
        self._look(db)  # before the row says so: who waits for it finds its size
        with write(db):
            forgotten = builds.end(db, build_id, state, message)
        for old in forgotten:
            logwork.remove(self.places, old)

    def _check(self, db: Db, build: Build) -> None:
        """Refused for what web alone could have asked for: a name of others, a container of another team."""
        images = self.appliance.registry.images
        if build.kind == "recipe":
            mine = build.image in images and build.ref == catalogue.reference(images, build.image)
        elif build.kind == "pull":
            mine = build.ref == build.source and not build.ref.startswith("localhost/")
        else:
            own = re.escape(f"{builds.OWN}/{build.image}")
            mine = is_id(build.image) and re.fullmatch(own + ":[a-z0-9]{12}", build.ref) is not None
        if build.kind == "commit" and mine:
            mine = workloads.get(db, build.source).team_id == build.team_id
        if not mine:
            raise Refused("this build asks for what is not its own")

    def _why_end(self, build_id: str) -> str:
        """In whatever thread asks."""
        wanted = builds.get(self.appliance.local.get(), build_id).wanted
        return "canceled on request" if wanted == "cancel" else ""

    def _ensure_log(self, build_id: str) -> None:
        directory = self.places.log_dir(build_id)
        directory.mkdir(mode=0o750, exist_ok=True)
        os.chown(directory, 0, self.appliance.config.web_uid)

    def _look(self, db: Db) -> None:
        local_images.replace_all(db, self.backend.local_images())

    def _remove(self, db: Db, image: LocalImage) -> None:
        """By each of its names, never by force: the engine keeps what a container is made of."""
        try:
            for name in image.refs or (image.id,):
                self.backend.remove_image(name)
        except BackendError as error:
            with write(db):
                local_images.refused(db, image.id, str(error))

    def _remove_old(self, db: Db) -> None:
        """Builds of recipes as they were before an update, once nobody has used them for long."""
        images = self.appliance.registry.images
        current = {catalogue.reference(images, name) for name in images}
        ours = tuple(f"localhost/appliance/{name}:" for name in images)
        oldest = db.clock.now_ms() - KEEP_OLD_MS
        for row in local_images.all_rows(db):
            refs = row.image.refs
            old = bool(refs) and all(ref.startswith(ours) and ref not in current for ref in refs)
            if old and not row.image.used and row.image.created_ms < oldest and not row.message:
                with write(db):
                    local_images.want_removed(db, row.image.id)
