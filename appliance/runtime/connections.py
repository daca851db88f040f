"""Open TCP connections of the gateway: seeing them, and closing one that has lost its right."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address

from appliance.errors import Invalid, Unavailable

TIMEOUT_S = 5


@dataclass(frozen=True)
class End:
    """One end, written as nginx writes it: `10.0.0.5:51234`, and `::1:51234` without brackets."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def filter(self) -> str:
        """As `ss` reads it."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else str(self)


@dataclass(frozen=True)
class Connection:
    """A client of the gateway and the address that it reached us at."""

    client: End
    server: End


def parse(client: str, server: str, ports: Collection[int]) -> Connection:
    """From X-Client and X-Server. Invalid unless addresses, the server's on one of `ports`.

    The text comes by way of the database: by it root must not close what is not the gateway's.
    """
    connection = Connection(_end(client), _end(server))
    if connection.server.port not in ports:
        raise Invalid(f"{server} is not an address of the gateway")
    return connection


def established(ports: Collection[int]) -> frozenset[Connection]:
    """Every established connection to these ports, in milliseconds. Unavailable if `ss` fails."""
    if not ports:
        return frozenset()
    wanted = " or ".join(f"sport = :{port}" for port in sorted(ports))
    rows = [
        line.split() for line in _ss("-Htn", "state", "established", f"( {wanted} )").splitlines()
    ]
    return frozenset(Connection(client=_end(row[3]), server=_end(row[2])) for row in rows)


def close(connection: Connection) -> bool:
    """Close exactly this connection at once. False if it is still there (see `can_close`).

    Root only. A connection that is gone already counts as closed.
    """
    server, client = connection.server, connection.client
    _ss("-HtnK", f"src {server.filter} and dst {client.filter}")
    return connection not in established({server.port})


def can_close() -> bool:
    """Whether the kernel can close connections (INET_DIAG_DESTROY), tried on one of our own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname(), timeout=TIMEOUT_S) as client:
            server, _ = listener.accept()
            with server:
                ends = [End(*end.getsockname()) for end in (client, server)]
                return close(Connection(*ends))


def _end(text: str) -> End:
    match = re.fullmatch(r"\[?([0-9a-fA-F:.]+)(?:%[\w.-]+)?\]?:(\d{1,5})", text)
    try:
        if match is None:
            raise ValueError(text)
        return End(str(ip_address(match[1])), int(match[2]))
    except ValueError:
        raise Invalid(f"{text!r} is not an address and a port") from None


def _ss(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["ss", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"ss: {error}", hint="install iproute2") from None
    if done.returncode != 0:
        raise Unavailable(f"ss: {done.stderr.strip()[-200:]}")
    return done.stdout
