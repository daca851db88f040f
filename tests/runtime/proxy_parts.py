"""Real nginx between a stand-in for web and stand-ins for containers, all on unix sockets."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import secrets
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import websocket

from appliance.clock import ManualClock
from appliance.config import Config
from appliance.runtime import proxy
from appliance.web.internal import NOTHING_THERE

Headers = list[tuple[str, str]]


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 over a unix socket and says nothing on stderr."""

    protocol_version = "HTTP/1.1"
    server: Any

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        return

    def answer(self, status: int, body: str = "", headers: Headers | None = None) -> None:
        self.send_response(status)
        for name, value in headers or []:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        if status != 204 and self.command != "HEAD":
            self.wfile.write(body.encode())

    def echo(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        seen = {
            "server": self.server.name,
            "method": self.command,
            "path": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": self.rfile.read(length).decode(),
        }
        self.answer(200, json.dumps(seen), [("Content-Type", "application/json")])

    def do_GET(self) -> None:
        self.handle_any()

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = do_GET

    def handle_any(self) -> None:
        raise NotImplementedError


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, handler: type[Handler], name: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(str(path), handler)
        path.chmod(0o666)
        self.name = name

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that went away


class Container(Handler):
    """Echoes requests and WebSocket messages; answers what the path's last part asks for."""

    def handle_any(self) -> None:
        last = urlsplit(self.path).path.rpartition("/")[2]
        if self.headers.get("Upgrade") == "websocket":
            self.websocket()
        elif last == "steer":
            self.answer(200, "own answer", [("X-Accel-Redirect", "/_authorize")])
        elif last.isdigit():
            self.answer(int(last), "the container's own")
        else:
            self.echo()

    def websocket(self) -> None:
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        key = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + guid).encode()).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(key).decode())
        self.end_headers()
        self.close_connection = True
        while head := self.rfile.read(6):  # short masked text frames
            text = bytes(
                byte ^ head[2 + i % 4] for i, byte in enumerate(self.rfile.read(head[1] & 127))
            )
            self.wfile.write(bytes([0x81, len(text)]) + text)


class Web(Handler):
    """Answers the gateway's questions from a table of grants; echoes everything else."""

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/internal/authorize":
            self.authorize()
        elif url.path == "/internal/starting":
            self.answer(503, f"starting {self.headers['X-Service']}")
        elif url.path == "/internal/enter":
            self.server.lab.entered.append([self.path, dict(self.headers)])
            self.answer(302, "", [("Location", "/n/mine/"), ("Set-Cookie", "gate=x")])
        elif url.path == "/hand-out":
            target = parse_qs(url.query)["to"][0]
            self.answer(200, "", [("X-Accel-Redirect", target), ("Content-Type", "text/html")])
        else:
            self.echo()

    def authorize(self) -> None:
        lab: Lab = self.server.lab
        lab.asked.append({name.lower(): value for name, value in self.headers.items()})
        lab.thawed.wait(30)
        cookie = self.headers.get("Cookie", "").removeprefix("gate=")
        user = lab.users.get(cookie or self.headers.get("Authorization", ""))
        service = self.headers["X-Service"]
        if user is None:
            self.answer(401)
        elif service not in lab.services:
            self.answer(404)
        elif service not in lab.grants[user]:
            self.answer(403)
        else:
            upstream = lab.services[service]
            passing = [("X-Passing", "1")] if upstream == NOTHING_THERE else []
            self.answer(204, "", [("X-Upstream", upstream), ("X-User", user), *passing])


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def seen(self) -> dict[str, Any]:
        """What the stand-in behind the gateway saw."""
        return json.loads(self.body)

    def values(self, header: str) -> list[str]:
        """Values of a header as the stand-in saw them."""
        return [value for name, value in self.seen["headers"] if name == header.lower()]


@dataclass
class Lab:
    """A gateway with its surroundings. `users`: by credential; `grants`: services by user."""

    config: Config
    gateway: proxy.Gateway
    clock: ManualClock
    site: proxy.Site
    nginx: subprocess.Popen[bytes]
    services: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    grants: dict[str, set[str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    entered: list[Any] = field(default_factory=list)
    thawed: threading.Event = field(default_factory=threading.Event)

    def sign_in(self, *services: str) -> str:
        """A fresh user with access to these; returns the value of the gate cookie."""
        credential = secrets.token_hex(8)
        self.users[credential] = f"user-{credential}"
        self.grants[f"user-{credential}"] = set(services)
        return credential

    def revoke(self, credential: str) -> None:
        self.grants[self.users[credential]].clear()

    def asked_about(self, credential: str) -> list[dict[str, str]]:
        return [asked for asked in self.asked if credential in asked.get("cookie", "")]

    def get(
        self,
        path: str,
        host: str = "mine.localhost",
        headers: Headers | None = None,
        *,
        gate: str = "",
        method: str = "GET",
        body: bytes = b"",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> Answer:
        """One request, its path and headers exactly as given."""
        port = port or self.config.port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        if tls:
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=tls)
        with closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            sent = [("Host", f"{host}:{port}"), *(headers or [])]
            sent += [("Cookie", f"gate={gate}")] if gate else []
            sent += [("Content-Length", str(len(body)))] if body else []
            for name, value in sent:
                connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())

    def websocket(
        self, path: str, gate: str, host: str = "mine.localhost", origin: str = ""
    ) -> websocket.WebSocket:
        """An open WebSocket; raises WebSocketBadStatusException if the gateway says no."""
        authority = f"{host}:{self.config.port}"
        return websocket.create_connection(
            f"ws://127.0.0.1:{self.config.port}{path}",
            timeout=20,
            host=authority,
            origin=origin or f"http://{authority}",
            cookie=f"gate={gate}",
        )


def until(happened: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def speaks(sent: websocket.WebSocket, text: str = "hello") -> bool:
    """Whether a message comes back."""
    try:
        sent.send(text)
        return sent.recv() == text
    except (websocket.WebSocketException, OSError):
        return False


def free_ports() -> int:
    """A port that is free together with the next one."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except OSError:
                continue
            return port


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that nginx's uid may enter, with a short name: a socket's has 108 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="gw") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextmanager
def open_lab(*, shutdown_timeout_s: int = 86_400, **options: Any) -> Iterator[Lab]:
    """A running gateway; `options` change its Config."""
    with open_folder() as root:
        yield from _run_lab(root, shutdown_timeout_s, options)


def _run_lab(root: Path, shutdown_timeout_s: int, options: dict[str, Any]) -> Iterator[Lab]:
    config = Config(data=root, instance="0a1b2c", **{"slot": 13, "port": free_ports(), **options})
    paths = config.paths
    static = root / "static"
    for folder in (paths.http, paths.logs, paths.spool, static):
        folder.mkdir(parents=True)
    api = f"127.0.0.1:{free_ports()}"
    clock = ManualClock()
    site = replace(proxy.site(config, static, can_close=True), api=api)
    site = replace(site, shutdown_timeout_s=shutdown_timeout_s)
    gateway = proxy.Gateway(config, clock)
    gateway.want(site)
    gateway.turn()
    lab = Lab(config, gateway, clock, site, subprocess.Popen(proxy.nginx_argv(config)))
    lab.thawed.set()
    with closing_servers(lab):
        try:
            until(lambda: listens(config.port))
            yield lab
        finally:
            lab.nginx.terminate()
            lab.nginx.wait(10)


@contextmanager
def closing_servers(lab: Lab) -> Iterator[None]:
    paths = lab.config.paths
    servers = [
        UnixServer(paths.http / "web.sock", Web, "web"),
        UnixServer(paths.http / "stream.sock", Web, "stream"),
    ]
    for name in ("mine", "theirs"):
        socket_path = paths.sockets / name / "app.sock"
        servers.append(UnixServer(socket_path, Container, name))
        lab.services[f"/n/{name}"] = f"unix:{socket_path}:"
    lab.services["/n/cold"] = f"unix:{paths.sockets}/cold/app.sock:"
    for server in servers:
        server.lab = lab  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        lab.thawed.set()
        for server in servers:
            server.shutdown()
            server.server_close()
