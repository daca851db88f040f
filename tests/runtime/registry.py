"""A small registry that really serves an image: what `podman save` wrote, over HTTP on this machine."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "robot", "pass word"
BLOB = "application/octet-stream"
PATIENCE_S = 60
PIECE, SLOW_S = 1 << 18, 0.05


class Registry(ThreadingHTTPServer):
    """login: whether it wants one. speaks: while it is not set, whoever asks for a layer hears nothing.

    goes_on: while it is not set, a layer comes slowly.
    """

    daemon_threads = True

    def __init__(self, folder: Path, login: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs = folder / "blobs/sha256"
        self.manifest = json.loads((folder / "index.json").read_text())["manifests"][0]
        self.login = login
        self.speaks = threading.Event()
        self.speaks.set()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.asked: list[str] = []

    @property
    def image(self) -> str:
        return f"127.0.0.1:{self.server_port}/lab/tiny:1"


class Handler(BaseHTTPRequestHandler):
    """The pulling half of the distribution protocol."""

    protocol_version = "HTTP/1.1"
    server: Registry

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.server.login and self.headers.get("Authorization") != wanted:
            self._say(401, b"{}", "application/json", {"WWW-Authenticate": 'Basic realm="lab"'})
        elif self.path == "/v2/":
            self._say(200, b"{}", "application/json")
        elif self.path.startswith("/v2/lab/tiny/manifests/"):
            digest = self.server.manifest["digest"]
            body = (self.server.blobs / digest.removeprefix("sha256:")).read_bytes()
            kind = self.server.manifest["mediaType"]
            self._say(200, body, kind, {"Docker-Content-Digest": digest})
        elif self.path.startswith("/v2/lab/tiny/blobs/sha256:"):
            self.server.speaks.wait(PATIENCE_S)
            blob = self.server.blobs / self.path.rpartition(":")[2]
            self._say(200, blob.read_bytes(), BLOB)
        else:
            body = json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": "name unknown"}]})
            self._say(404, body.encode(), "application/json")

    def _say(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "GET":
            return
        with suppress(OSError):  # whoever asked has had enough
            for start in range(0, len(body), PIECE):
                self.wfile.write(body[start : start + PIECE])
                if kind == BLOB:
                    self.server.goes_on.wait(SLOW_S)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def save(image: str, folder: Path) -> None:
    """Write an image of this machine as a folder that can be served."""
    command = ["podman", "save", "--format=oci-dir", f"--output={folder}", image]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


@contextmanager
def serving(folder: Path, login: bool = False) -> Iterator[Registry]:
    """For the length of a block."""
    made = Registry(folder, login)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.speaks.set()
        made.goes_on.set()
        made.shutdown()
        thread.join()
        made.server_close()
