"""Network namespaces that a killed engine left: made for a container but not noted yet, so nobody else removes them."""

from __future__ import annotations

import json
import logging
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from appliance.boot import Appliance
from appliance.config import Config
from appliance.errors import Unavailable
from appliance.runtime import workloads

log = logging.getLogger(__name__)

NETNS = Path("/run/netns")
CERTAIN_AFTER_S = 5.0  # between two looks a start may have begun
_TIMEOUT_S = 15


class NamespaceSweep:
    """turn() removes what stayed an orphan for a while. A look costs some milliseconds."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._first_seen: dict[str, float] = {}

    def turn(self) -> None:
        """Look while none of ours is being started: a namespace in the making has no process either."""
        live = workloads.live(self._appliance.local.get())
        if any(workload.state == "provisioning" for workload in live):
            self._first_seen = {}
            return
        now = time.monotonic()
        found = orphans(self._appliance.config)
        self._first_seen = {name: self._first_seen.get(name, now) for name in found}
        for name in found:
            if now - self._first_seen[name] >= CERTAIN_AFTER_S:
                _delete(name)


def remove_all(config: Config) -> None:
    """Remove those with addresses of this instance, when none of its containers is left.

    One that another mount namespace holds on to stays: it costs a name, and keeps nobody from going on.
    """
    for name in orphans(config):
        _delete(name)


def _delete(name: str) -> None:
    try:
        _ip("netns", "delete", name)
    except Unavailable as error:
        log.warning("%s", error)


def orphans(config: Config) -> list[str]:
    """Namespaces without a process that have an address of ours; one without any may be anybody's."""
    used = _used()
    found = []
    for path in NETNS.glob("netns-*"):
        try:
            unused = path.stat().st_ino not in used
            addresses = _addresses(path.name) if unused else []
        except (FileNotFoundError, Unavailable):
            continue  # its container's end came first
        if any(ip_address(address) in config.pool for address in addresses):
            found.append(path.name)
    return found


def _used() -> set[int]:
    """Inode numbers of the network namespaces that processes are in."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(link.stat().st_ino)
        except OSError:  # it ended
            continue
    return found


def _addresses(name: str) -> list[str]:
    links: list[dict[str, Any]] = json.loads(
        _ip("-netns", name, "-json", "-4", "address", "show", "scope", "global") or "[]"
    )
    return [info["local"] for link in links for info in link.get("addr_info", []) if info]


def _ip(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["ip", *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"ip can't be run: {error}", hint="see `appliance doctor`") from error
    if done.returncode != 0:
        raise Unavailable(f"ip {arguments[0]} failed: {done.stderr.strip()[:200]}")
    return done.stdout
