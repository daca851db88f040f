#!/usr/bin/env python3
"""How long the command line takes to start, against the interpreter alone and the libraries it can't do without.

    scripts/bench/cli_start.py [ROUNDS]

Each round runs every command once, in turn, so that a busy moment hits all of them; the median counts. `projects list` asks
a tiny server in this process. Ends with status 1 when a command takes 300 ms or more.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_MS = 300.0
BUNDLE = json.loads((ROOT / "appliance/client/openapi.json").read_text())
PROJECT = {"id": "pr1", "name": "vision", "dtCreated": "2026-01-01T00:00:00.000Z"}
OURS = [sys.executable, "-m", "appliance.cli"]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    'python -c "import click, httpx"': [sys.executable, "-c", "import click, httpx"],
    "appliance --help": [*OURS, "--help"],
    "appliance projects --help": [*OURS, "projects", "--help"],
    "appliance projects list": [*OURS, "projects", "list"],
}


class Server(BaseHTTPRequestHandler):
    """An appliance with one project."""

    def do_GET(self) -> None:
        body = json.dumps({"items": [PROJECT], "hasMore": False, "nextPage": None}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Appliance-Document", BUNDLE["version"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def took_ms(command: list[str], environment: dict[str, str]) -> float:
    """One run of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(
        command, cwd=ROOT, env=environment, check=True, timeout=30, stdout=subprocess.DEVNULL
    )
    return (time.perf_counter() - start) * 1000


def main(rounds: int) -> int:
    """Prints a line per command: median and best of the rounds, in milliseconds."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        url = f"http://127.0.0.1:{server.server_port}"
        own = {"HOME": home, "APPLIANCE_URL": url, "APPLIANCE_API_KEY": "key"}
        environment = {**os.environ, **own}
        times: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for number in range(rounds + 1):  # the first one fills caches of the disk and of bytecode
            for name, command in COMMANDS.items():
                found = took_ms(command, environment)
                if number:
                    times[name].append(found)
    server.shutdown()
    for name, values in times.items():
        print(f"{statistics.median(values):7.0f} ms  (best {min(values):4.0f})  {name}")
    slow = [name for name, values in times.items() if statistics.median(values) >= MOST_MS]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
