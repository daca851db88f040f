"""Runs inside a container, as a notebook's command: does what a test tells it, like code of a hostile user.

Below $BASE_URL: `run` executes the body as a shell script; PUT `page/NAME` keeps the body as a web page with the
query's `cookie` values as Set-Cookie, GET shows it; anything else is echoed. Listens at $SOCKET_PATH, and on TCP port
8000, which stays when a test takes the socket away. Standard library only.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BASE = os.environ["BASE_URL"]
TIMEOUT_S = 110
PAGES: dict[str, tuple[bytes, list[str]]] = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        word = address.path.removeprefix(BASE).lstrip("/")
        if word == "run":
            self.answer_json(run(body.decode()))
        elif word.startswith("page/") and self.command == "PUT":
            PAGES[word] = (body, parse_qs(address.query).get("cookie", []))
            self.answer_json({})
        elif word in PAGES:
            page, cookies = PAGES[word]
            self.answer(page, "text/html; charset=utf-8", cookies)
        else:
            self.answer_json(self.seen(body))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer_any

    def seen(self, body: bytes) -> dict[str, object]:
        headers = [[name.lower(), value] for name, value in self.headers.items()]
        request = {"method": self.command, "path": self.path, "body": body.decode("latin-1")}
        return {"base": BASE, "headers": headers, **request}

    def answer_json(self, value: object) -> None:
        self.answer(json.dumps(value).encode(), "application/json", [])

    def answer(self, body: bytes, kind: str, cookies: list[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(
            "Connection", "close"
        )  # else the gateway keeps it, whatever becomes of the socket's name
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "somebody"  # a peer on a unix socket has no address


def run(script: str) -> dict[str, object]:
    """Exit status (124: it took too long) and what it printed."""
    try:
        done = subprocess.run(
            ["/bin/bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return {"code": 124, "out": (error.stdout or b"").decode(errors="replace")}
    return {"code": done.returncode, "out": done.stdout.decode(errors="replace")}


class UnixServer(ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)


if __name__ == "__main__":
    tcp = ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    path = os.environ["SOCKET_PATH"]
    unix = UnixServer(path, Handler)  # type: ignore[arg-type]
    os.chmod(path, 0o666)
    unix.serve_forever()
