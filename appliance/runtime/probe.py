"""Asking a program inside a container whether it is ready, through its unix socket."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

TIMEOUT_S = 1.0


class SocketProber:
    """HTTP over a unix socket. Its directory is mounted nosymfollow, so the container can't send us elsewhere."""

    def ready(self, socket_path: Path, path: str) -> bool:
        """Whether GET path answers 200 within a second. Reads no body: what is inside is nobody's promise."""
        connection = _UnixConnection(socket_path)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def listens(socket_path: Path) -> bool:
    """Whether somebody listens there now. Microseconds; says nothing about being ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as knocking:
        try:
            knocking.connect(str(socket_path))
        except BlockingIOError:
            return True  # so many want in that the queue is full
        except OSError:
            return False
        return True


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(str(self._path))
