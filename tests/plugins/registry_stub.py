"""A small registry that wants a sign-in: real HTTP on this machine."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Way = Literal[
    "open",
    "basic",
    "bearer",
    "redirect",
    "strange",
    "no-token",
    "https-only",
    "broken",
    "no-url",
    "no-realm",
    "dripping",
    "dripping-body",
    "other-realm",
]
USER, PASSWORD, TOKEN = "robot", "pa ss-wörd", "a.token"


class Stub(ThreadingHTTPServer):
    """way: how it wants to be signed in at. asked: paths that were asked for, with what credentials."""

    daemon_threads = True

    def __init__(self, way: Way) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.way = way
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def challenge(self) -> str:
        if self.way == "bearer" or self.way == "no-token":
            return f'Bearer realm="{self.url}/token",service="stub, one",scope="a:b"'
        if self.way == "https-only":
            return 'Bearer realm="file:///etc/passwd"'
        if self.way == "no-realm":
            return "Bearer realm="
        if self.way == "other-realm":
            return 'Bearer realm="http://169.254.169.254/token"'
        if self.way == "no-url":
            return 'Bearer realm="https://["'
        return "Strange" if self.way == "strange" else 'Basic realm="stub"'


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        self.server.asked.append((self.path, given))
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        url = urlsplit(self.path)
        if self.server.way == "redirect":
            self.answer(307, Location="http://127.0.0.1:1/v2/")
        elif self.server.way == "broken":
            self.answer(500)
        elif self.server.way.startswith("dripping"):
            self.drip(self.server.way == "dripping-body")
        elif url.path == "/token":
            named = parse_qs(url.query).get("service") == ["stub, one"]
            token = {} if self.server.way == "no-token" else {"token": TOKEN}
            self.answer(200 if given == basic and named else 401, json.dumps(token).encode())
        elif self.server.way == "open" or given in self.accepted(basic):
            self.answer(200)
        else:
            self.answer(401, b"", **{"WWW-Authenticate": self.server.challenge})

    def accepted(self, basic: str) -> tuple[str, ...]:
        return (f"Bearer {TOKEN}",) if self.server.way == "bearer" else (basic,)

    def drip(self, body: bool) -> None:
        """A byte now and then, until nobody listens."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n")
        self.wfile.write(b"\r\n" if body else b"X-Long: ")
        with suppress(OSError):
            while True:
                self.wfile.write(b"x")
                time.sleep(0.01)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def registry(way: Way) -> Iterator[Stub]:
    """One for the length of a block."""
    stub = Stub(way)
    thread = threading.Thread(target=stub.serve_forever)
    thread.start()
    try:
        yield stub
    finally:
        stub.shutdown()
        thread.join()
        stub.server_close()
