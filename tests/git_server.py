"""A real git server on loopback, and repositories as a hostile user makes them."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BACKEND = "/usr/lib/git-core/git-http-backend"
USER, PASSWORD = "reader", "let me in"


class Handler(BaseHTTPRequestHandler):
    """git http-backend for /<name>.git/…, below /private/ with a password; plain answers for what `pages` has."""

    root: Path
    pages: Mapping[str, tuple[int, dict[str, str], bytes]]
    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        self.asked.append(dict(self.headers))
        path, _, query = self.path.partition("?")
        if path in self.pages:
            status, headers, content = self.pages[path]
            self._send(status, headers, content)
        elif path.startswith("/private/") and not self._knows():
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        else:
            self._git(path.removeprefix("/private"), query, body)

    def _knows(self) -> bool:
        word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {word}"

    def _git(self, path: str, query: str, body: bytes) -> None:
        env = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        done = subprocess.run([BACKEND], env=env, input=body, capture_output=True, timeout=60)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200").split()[0])
        self._send(status, headers, content)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class GitServer:
    """url: of the server. pages: what it answers itself. asked: the headers of every request so far."""

    def __init__(
        self,
        root: Path,
        url: str,
        pages: dict[str, tuple[int, dict[str, str], bytes]],
        asked: list[dict[str, str]],
    ) -> None:
        self.root, self.url, self.pages, self.asked = root, url, pages, asked

    def repository(self, name: str, files: Mapping[str, str]) -> str:
        """A bare repository with one commit on main; its address. Files named `link:x` are links."""
        work = self.root / f"{name}.work"
        git(self.root, "init", "-q", "-b", "main", str(work))
        for path, content in files.items():
            place = work / path.removeprefix("link:")
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.startswith("link:"):
                place.symlink_to(content)
            else:
                place.write_text(content)
        git(work, "add", "-A", "-f")
        self.commit(name)
        git(self.root, "clone", "-q", "--bare", str(work), f"{name}.git")
        return f"{self.url}/{name}.git"

    def commit(self, name: str) -> None:
        git(self.root / f"{name}.work", "commit", "-q", "--allow-empty", "-m", "a commit")

    def push(self, name: str, ref: str) -> None:
        git(self.root / f"{name}.work", "push", "-q", str(self.root / f"{name}.git"), ref)


def git(where: Path, *arguments: str) -> str:
    """One git command, as an author without configuration."""
    who = {
        f"GIT_{role}_{what}": "ann@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        **who,
    }
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments], cwd=where, env=env, check=True,
        capture_output=True, timeout=60,
    )  # fmt: skip
    return done.stdout.decode().strip()


@contextmanager
def served(root: Path) -> Iterator[GitServer]:
    """A server for the length of a block."""
    pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
    asked: list[dict[str, str]] = []
    handler = type("Here", (Handler,), {"root": root, "pages": pages, "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield GitServer(root, f"http://127.0.0.1:{server.server_port}", pages, asked)
        finally:
            server.shutdown()
