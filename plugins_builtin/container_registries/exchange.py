"""One question to a host that a user named: within a time limit that holds, and to no address of our own machine's.

Names are looked up once and what they stand for is checked and then called, so that a second answer of the name server
can't lead elsewhere. No redirect is followed.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from urllib.parse import SplitResult, urlsplit

ANSWER_BYTES = 1 << 20
Address = IPv4Address | IPv6Address
# Where clouds tell a machine about itself, besides link-local addresses: Alibaba, Azure, Oracle, AWS by IPv6.
METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    )
)


class Refused(Exception):
    """The host is at an address that must not be called."""


@dataclass(frozen=True)
class Allowed:
    """Whom to call. own: addresses of this appliance and its workloads. loopback: whether this machine's services, too."""

    own: IPv4Network
    loopback: bool = False

    def check(self, address: Address) -> None:
        """Refused for an address that is not somebody else's."""
        plain = getattr(address, "ipv4_mapped", None) or address
        local = plain.is_loopback or plain.is_unspecified
        never = plain.is_link_local or plain.is_multicast or plain in METADATA or plain in self.own
        if never or (local and not self.loopback):
            raise Refused(f"the registry's address {address} is not one to sign in at")


@dataclass(frozen=True)
class Answer:
    """body: its beginning, ANSWER_BYTES at most."""

    status: int
    challenge: str
    body: bytes


def get(url: str, headers: Mapping[str, str], ends: float, allowed: Allowed) -> Answer:
    """The answer to GET, if all of it comes before `ends` (of time.monotonic).

    Blocks. TimeoutError afterwards, other OSError, HTTPException or ValueError for what does not work, Refused.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(kind(parts.hostname or "", parts.port)) as connection:
        connection.sock = _connected(parts, connection.port, ends, allowed)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request("GET", target, headers={"Connection": "close", **headers})
        with HTTPResponse(_Timed(connection.sock, ends)) as answer:  # type: ignore[arg-type]
            answer.begin()
            body = answer.read(ANSWER_BYTES)
            return Answer(answer.status, answer.getheader("WWW-Authenticate", ""), body)


class _Timed(io.RawIOBase):
    """What a socket receives, all of it before `ends`: a limit for each read would let drops go on for ever."""

    def __init__(self, sock: socket.socket, ends: float) -> None:
        self._sock, self._ends = sock, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._sock.settimeout(_left(self._ends))
        return self._sock.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """As a socket's, which is all that HTTPResponse asks of it."""
        return io.BufferedReader(self)


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connected(parts: SplitResult, port: int, ends: float, allowed: Allowed) -> socket.socket:
    host = parts.hostname or ""
    addresses = _addresses(host, port, ends)
    for address in addresses:
        allowed.check(address)
    sock = _called(addresses, port, ends)
    if parts.scheme != "https":
        return sock
    try:
        return ssl.create_default_context().wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def _called(addresses: list[Address], port: int, ends: float) -> socket.socket:
    """A connection to the first that takes it; each has its share of the time."""
    for behind in range(len(addresses) - 1, -1, -1):
        address = addresses[len(addresses) - 1 - behind]
        try:
            sock = socket.create_connection((str(address), port), _left(ends) / (behind + 1))
        except OSError:
            if not behind:
                raise
        else:
            sock.settimeout(_left(ends))
            return sock
    raise OSError("no address")


def _addresses(host: str, port: int, ends: float) -> list[Address]:
    """What a name stands for. The resolver knows no time limit, so it is left behind when it takes too long."""
    found: Future[list[Address]] = Future()

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result([ipaddress.ip_address(answer[4][0]) for answer in answers])
        except (OSError, ValueError) as error:
            found.set_exception(error)

    threading.Thread(target=look_up, name=f"look up {host[:40]}", daemon=True).start()
    return found.result(timeout=_left(ends))
