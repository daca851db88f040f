"""Asking a program inside a container whether it is ready, through its unix socket."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from pathlib import Path
from typing import Any

TIMEOUT_S = 1.0
ANSWER_BYTES = 1 << 20


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


def ask(socket_path: Path, path: str, limit_s: float = TIMEOUT_S) -> Any:
    """The JSON that GET path answers with 200, else None. Ends within limit_s, whatever the program inside does.

    What it says is untrusted: of any shape, a megabyte at most.
    """
    ends = time.monotonic() + limit_s
    said = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(limit_s)
            asking.connect(str(socket_path))
            # 1.0: the answer comes in one piece and ends with the connection
            asking.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            while (left_s := ends - time.monotonic()) > 0 and len(said) < ANSWER_BYTES:
                asking.settimeout(left_s)
                part = asking.recv(65536)
                if not part:
                    break
                said += part
        head, _, body = said.partition(b"\r\n\r\n")
        return json.loads(body) if re.match(rb"HTTP/1\.[01] 200 ", head) else None
    except (OSError, ValueError, RecursionError):
        return None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(str(self._path))
