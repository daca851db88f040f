"""The log loop: copies what containers wrote, with the secrets of each masked."""

from __future__ import annotations

import logging
import shutil

from pydantic import ValidationError

from appliance.boot import Appliance
from appliance.db import Db, write
from appliance.errors import ApplianceError, NotFound
from appliance.events import emit
from appliance.ids import is_id
from appliance.runtime import hidden, logs, masks, workloads
from appliance.runtime.places import Places
from appliance.runtime.tokens import workload_token
from appliance.runtime.workloads import Workload

log = logging.getLogger(__name__)

RESCAN_TURNS = 60


class LogWork:
    """turn() is called every third of a second; a turn without news costs one stat per live workload."""

    def __init__(self, appliance: Appliance, places: Places) -> None:
        self._appliance = appliance
        self._places = places
        self._open: set[str] = set()
        self._masks: dict[str, list[bytes]] = {}
        self._turns = 0

    def turn(self) -> None:
        """Copy what is new of live workloads, and finish the logs of those that ended and whose container is gone."""
        db = self._appliance.local.get()
        # those that still wait too: one that starts and dies before the next turn has the log that matters most
        live = {workload.id for workload in workloads.live(db)}
        if self._turns % RESCAN_TURNS == 0:
            self._open |= self._unfinished()
        self._turns += 1
        # the row may end before the container; its socket directory goes after it
        gone = {w for w in self._open - live if not self._places.socket_dir(w).exists()}
        self._open = live | (self._open - gone)
        for workload_id in self._open | gone:
            try:
                self._one(db, workload_id, workload_id in gone)
            except (
                OSError,
                ApplianceError,
                ValidationError,
            ) as error:  # one log that can't be written keeps no other from being
                log.warning("the log of %s: %s", workload_id, error)

    def _one(self, db: Db, workload_id: str, gone: bool) -> None:
        directory = self._places.log_dir(workload_id)
        if logs.growing(directory):
            masked = self._masked(db, workload_id)
            while not gone and logs.copy(directory, masked):
                pass
            if gone:
                logs.finish(directory, masked)
        if gone:
            self._masks.pop(workload_id, None)
            self._tell(db, workload_id)

    def _tell(self, db: Db, workload_id: str) -> None:
        """Pages that show why it ended were drawn before its last lines were there."""
        workload = self._workload(db, workload_id)
        if workload is None:
            return
        with write(db):
            emit(
                db, f"{workload.kind}.logged", subject=workload.owner_id, team_id=workload.team_id,
                project_id=workload.project_id, workload=workload.id,
            )  # fmt: skip

    def _masked(self, db: Db, workload_id: str) -> list[bytes]:
        """What must not be read in its log. It stays the same as long as the workload lives."""
        found = self._masks.get(workload_id)
        if found is None:
            values = [workload_token(self._appliance.keys, workload_id)]
            workload = self._workload(db, workload_id)
            if workload is not None:
                values += hidden.env(db, self._appliance.keys, workload).values()
            found = self._masks[workload_id] = masks.of(values)
        return found

    def _workload(self, db: Db, workload_id: str) -> Workload | None:
        try:
            return workloads.get(db, workload_id)
        except NotFound:
            return None

    def _unfinished(self) -> set[str]:
        """Every workload that still has a raw log: after our start, or of a container that outlived its row for a moment."""
        return {path.parent.name for path in self._appliance.config.paths.logs.glob("*/raw.log")}


def remove(places: Places, workload_id: str) -> None:
    """Delete the logs of a workload. Repeatable."""
    if is_id(workload_id):
        shutil.rmtree(places.log_dir(workload_id), ignore_errors=True)
