"""systemd's protocol for saying that a service is ready."""

from __future__ import annotations

import os
import socket


def ready() -> None:
    """Tell systemd that this process is, if that waits for it; no child hears of the socket after that."""
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"READY=1", address.replace("@", "\0", 1))
