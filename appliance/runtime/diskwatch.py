"""The supervisor's look at the disk: keeps the database's room and the ballast, and says when it fills up."""

from __future__ import annotations

import logging

from appliance.boot import Appliance
from appliance.db import write
from appliance.events import emit
from appliance.runtime import room

log = logging.getLogger(__name__)

TURN_S = 10.0


class DiskWatch:
    """turn() is called in one thread."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._level = 0

    def turn(self) -> None:
        """Tell each level once, on the way up; a look at a disk with room costs microseconds."""
        db, paths = self._appliance.local.get(), self._appliance.config.paths
        room.keep_in_database(db)
        room.keep_ballast(paths)
        found = room.space(paths)
        if found.level > self._level:
            log.warning("the disk is %d %% full", found.percent)
            with write(db):
                emit(
                    db,
                    "disk.filling",
                    subject="disk",
                    percent=found.percent,
                    free_bytes=found.free_bytes,
                )
        self._level = found.level
