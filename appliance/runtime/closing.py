"""Closing the connections of those who lost access, and forgetting those that are gone."""

from __future__ import annotations

import logging
from collections.abc import Callable

from appliance.boot import Appliance
from appliance.errors import ApplianceError
from appliance.runtime import connections, holders

log = logging.getLogger(__name__)


def close_marked(appliance: Appliance, reload: Callable[[], None]) -> None:
    """One turn: close what the worker marked; drop rows whose connection does not exist any more.

    reload: starts nginx's workers anew, which closes every WebSocket within seconds; for kernels without `ss -K`.
    """
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
        if connection not in open_now:
            holders.forget(db, holder)
        elif holder.closing:
            log.info("closing a connection to %s/%s: access lost", holder.kind, holder.target)
            if not connections.close(connection):
                reload()
