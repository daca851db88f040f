"""Who listens on which TCP port, from the kernel's own tables."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LISTENING = "0A"


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket and the uid that made it."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int
    uid: int


def listeners() -> list[Listener]:
    """All of this network namespace. Milliseconds."""
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    return [
        item
        for table in tables
        if table.exists()
        for item in parse(table.read_text(encoding="ascii"))
    ]


def parse(table: str) -> list[Listener]:
    """The listening sockets in the text of /proc/net/tcp or tcp6."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTENING:
            address, port = fields[1].split(":")
            found.append(Listener(_address(address), int(port, 16), int(fields[7])))
    return found


def blocking_listener(here: Sequence[Listener], host: str, port: int) -> Listener | None:
    """The socket that is in the way of listening on host:port; host may be a name."""
    wanted = _resolved(host)
    for item in here:
        if item.port != port:
            continue
        any_address = item.address.is_unspecified and (
            item.address.version == wanted.version or item.address.version == 6
        )
        if item.address == wanted or any_address or wanted.is_unspecified:
            return item
    return None


def _resolved(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return ipaddress.ip_address(socket.getaddrinfo(host, None)[0][4][0])


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The kernel prints 32-bit words in the machine's own order; both of ours are little-endian."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    return ipaddress.ip_address(b"".join(words))
