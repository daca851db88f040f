"""Closing the connections of those who lost access, and forgetting those that are gone."""

from __future__ import annotations

import logging

from appliance.boot import Appliance
from appliance.errors import ApplianceError
from appliance.runtime import connections, holders

log = logging.getLogger(__name__)


def close_marked(appliance: Appliance) -> None:
    """One turn: close what the worker marked; drop rows whose connection does not exist any more."""
    db = appliance.local.get()
    held = holders.all_connections(db)
    if not held:
        return
    ports = {appliance.config.port, appliance.config.user_port}
    open_now = connections.established(ports)
    for holder in held:
        try:
            connection = connections.parse(holder.client, holder.server, ports)
        except ApplianceError:
            holders.forget(db, holder)
            continue
        if holder.closing and connection in open_now:
            connections.close(connection)
            log.info(
                "closed a connection to %s/%s: its holder lost access", holder.kind, holder.target
            )
        if holder.closing or connection not in open_now:
            holders.forget(db, holder)
