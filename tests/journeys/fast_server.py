"""A notebook server that starts in an instant, for journeys with many starts.

It runs inside a container, so it has the standard library only.
Every answer is a word that this process made up at its start: as long as it stays the same, nothing was restarted.
It prints numbered lines until it is told to end. HOLD names the states in which it stays until a file says go on.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.server
import os
import secrets
import signal
import socketserver
import threading
import time
from pathlib import Path

HOME = Path("/notebooks")
HOLD = os.environ.get("HOLD", "").split()
PAUSE_S = float(os.environ.get("PAUSE_S", "0.01"))
WORD = secrets.token_hex(8)
ended = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    """Says the word, whatever was asked."""

    def do_GET(self) -> None:  # noqa: N802 (the name is http.server's)
        self.send_response(200)
        self.send_header("Content-Length", str(len(WORD)))
        self.end_headers()
        self.wfile.write(WORD.encode())

    def log_message(self, *args: object) -> None:
        """Only the numbered lines may be in the log."""


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Who asked is gone, killed perhaps: nothing for the log."""


def note_start() -> None:
    """Leave a trace of who ran when: a second run of one workload, or two at a time, is seen in the files."""
    who = hashlib.sha256(os.environ["APPLIANCE_API_KEY"].encode()).hexdigest()[:12]
    with open(HOME / "starts", "a", encoding="ascii") as file:
        file.write(f"{who}\n")
    lock = os.open(HOME / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (HOME / "twice").touch()


def talk() -> None:
    """Numbered lines, and a last one."""
    number = 0
    while not ended.is_set():
        print(f"line {number}", flush=True)
        number += 1
        time.sleep(PAUSE_S)
    hold("stopping")
    print("the end", flush=True)
    os._exit(0)


def hold(state: str) -> None:
    """Wait for the file that lets this state end, if this one is to be held."""
    while state in HOLD and not (HOME / f"{state}.go").exists():
        time.sleep(0.02)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    note_start()
    threading.Thread(target=talk).start()
    hold("starting")
    os.umask(0)
    Server(os.environ["SOCKET_PATH"], Handler).serve_forever()


if __name__ == "__main__":
    main()
