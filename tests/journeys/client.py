"""A person at the appliance: signs in, uses the API, enters notebooks, runs cells over the kernel's WebSocket."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import websocket

READY_S = 90.0


class Person:
    """A browser's session without the browser."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=30)
        page = self.http.get("/login").text
        form = {"user": user, "password": password, "next": "/", "csrf_token": _token(page)}
        answer = self.http.post("/login/password", data=form)
        assert answer.status_code == 303, answer.text
        self.csrf = _token(self.http.get("/").text)

    def close(self) -> None:
        self.http.close()

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Any request with session and CSRF token; the raw answer."""
        headers = {"X-CSRF-Token": self.csrf, **more.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **more)

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A call that must succeed; its JSON."""
        answer = self.request(method, f"/v1{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def project(self, name: str = "demo") -> str:
        project: str = self.api("POST", "/projects", {"name": name})["id"]
        return project

    def notebook(self, project: str, **more: Any) -> str:
        """Create and start one; its id."""
        body = {"name": "nb", "projectId": project, "machineType": "C1", **more}
        notebook: str = self.api("POST", "/notebooks", body)["id"]
        return notebook

    def session(self, notebook: str) -> dict[str, Any]:
        """The newest session: state, reason, message, exitCode …"""
        found: dict[str, Any] = self.api("GET", f"/notebooks/{notebook}/sessions")[0]
        return found

    def wait(self, notebook: str, *states: str, timeout_s: float = READY_S) -> dict[str, Any]:
        """Until the newest session is in one of the states."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = self.session(notebook)
            if found["state"] in states:
                return found
            time.sleep(0.05)
        raise AssertionError(f"not {states}: {found}")

    def enter(self, notebook: str) -> Door:
        """Through the gateway, as the Open button does it."""
        answer = self.http.get(f"/open/n/{notebook}")
        assert answer.status_code == 303, answer.text
        target = urlsplit(answer.headers["location"])
        headers = {"Host": target.netloc}
        entered = httpx.get(f"{self.url}{target.path}?{target.query}", headers=headers)
        assert entered.status_code == 303, entered.text
        return Door(self.url, target.netloc, notebook, entered.cookies["gate"])


@dataclass
class Door:
    """An entered notebook: everything behind its own origin. host: what the browser sends as Host."""

    url: str
    host: str
    notebook: str
    gate: str

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request to the notebook's server; path below `/n/<id>/`."""
        headers = {"Host": self.host, "Cookie": f"gate={self.gate}", **more.pop("headers", {})}
        more.setdefault("timeout", 30)
        return httpx.request(
            method, f"{self.url}/n/{self.notebook}/{path}", headers=headers, **more
        )

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """A change, with Jupyter's own XSRF token."""
        first = self.request("GET", "lab")
        xsrf = first.cookies["_xsrf"]
        headers = {"X-XSRFToken": xsrf, "Cookie": f"gate={self.gate}; _xsrf={xsrf}"}
        answer = self.request("POST", path, json=body, headers=headers)
        assert answer.status_code in (200, 201, 204), answer.text
        return answer.json() if answer.content else None

    def connect(self, path: str, **headers: str) -> websocket.WebSocket:
        """A WebSocket through the gateway."""
        port = urlsplit(self.url).port
        return websocket.create_connection(
            f"ws://127.0.0.1:{port}/n/{self.notebook}/{path}",
            host=self.host,
            cookie=f"gate={self.gate}",
            header={"Origin": f"http://{self.host}", **headers},
            suppress_origin=True,
            timeout=30,
        )

    def run(self, code: str) -> str:
        """Execute a cell in a fresh kernel; its stdout and result as text."""
        kernel = self.post("api/kernels", {"name": "python3"})["id"]
        socket = self.connect(f"api/kernels/{kernel}/channels")
        try:
            return execute(socket, code)
        finally:
            socket.close()


def execute(socket: websocket.WebSocket, code: str) -> str:
    """Run code on an open kernel channel and collect what it says until it is idle."""
    message_id = uuid.uuid4().hex
    header = {"msg_id": message_id, "msg_type": "execute_request", "session": uuid.uuid4().hex}
    header |= {"username": "", "version": "5.3", "date": "2026-01-01T00:00:00Z"}
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    content |= {"allow_stdin": False, "stop_on_error": True}
    parts = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    socket.send(json.dumps({**parts, "channel": "shell", "buffers": []}))
    said: list[str] = []
    while True:
        message = json.loads(socket.recv())
        if message.get("parent_header", {}).get("msg_id") != message_id:
            continue
        kind, body = message["msg_type"], message["content"]
        if kind == "stream":
            said.append(body["text"])
        elif kind == "execute_result":
            said.append(body["data"]["text/plain"])
        elif kind == "error":
            said.append("\n".join(body["traceback"]))
        elif kind == "status" and body["execution_state"] == "idle":
            return "".join(said)


def soon(condition: Callable[[], bool], limit_s: float) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def _token(page: str) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert found, page[:500]
    return found[1]
