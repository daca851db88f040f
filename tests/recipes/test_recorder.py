"""A cell that runs on after its browser has gone: its output is in the file (a real server and kernel)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.runtime.proxy_parts import until

RECIPE = Path(__file__).parents[2] / "plugins_builtin/images/recipes/notebook"
sys.path.insert(0, str(RECIPE))
recorder = pytest.importorskip("appliance_recorder")

SLOW = """
import time, pathlib
for i in range(4):
    print("line", i, flush=True)
    while not pathlib.Path(f"go{i}").exists():
        time.sleep(0.01)
42
""".strip()


class Server:
    """Jupyter's server with the recorder, and one notebook."""

    def __init__(self, root: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self.root, self.file = root / "files", root / "files/a.ipynb"
        self.root.mkdir()
        home = {
            "HOME": str(root),
            "PYTHONPATH": str(RECIPE),
            "JUPYTER_RUNTIME_DIR": str(root / "run"),
        }
        options = {
            "ServerApp.port": self.port,
            "ServerApp.root_dir": self.root,
            "IdentityProvider.token": "",
            "ServerApp.disable_check_xsrf": True,
            "ServerApp.kernel_websocket_connection_class": "appliance_recorder.RecordingConnection",
        }
        argv = [sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser"]
        argv += [f"--{name}={value}" for name, value in options.items()]
        with open(root / "log", "wb") as log:
            self.process = subprocess.Popen(
                argv, env={**os.environ, **home}, stdout=log, stderr=log
            )
        until(self.answers)

    def answers(self) -> bool:
        try:
            self.ask("GET", "/api")
        except OSError:
            return False
        return True

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(
            urllib.request.Request(url, data, method=method), timeout=20
        ) as answer:
            return json.load(answer)

    def browser(self) -> Callable[..., None]:
        """Opens the notebook; what it gives runs a cell, or with no cell closes the tab."""
        asked = {"path": "a.ipynb", "name": "a", "type": "notebook", "kernel": {"name": "python3"}}
        kernel = self.ask("POST", "/api/sessions", asked)["kernel"]["id"]
        url = f"ws://127.0.0.1:{self.port}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
        opened = websocket.create_connection(url, timeout=30)

        def run(cell: str = "", code: str = "") -> None:
            if not cell:
                opened.close()
                return
            header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "s", "username": "u",
                      "version": "5.3", "date": "2026-01-01T00:00:00Z"}  # fmt: skip
            content = {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                       "allow_stdin": False, "stop_on_error": True}  # fmt: skip
            message = {"channel": "shell", "header": header, "parent_header": {}, "content": content,
                       "metadata": {"cellId": cell}, "buffers": []}  # fmt: skip
            opened.send(json.dumps(message))
            while json.loads(opened.recv()).get("msg_type") != "stream":
                pass

        return run

    def put(self, **cells: str) -> None:
        found: list[dict[str, Any]] = [
            {"cell_type": "code", "id": name, "source": source, "outputs": [], "execution_count": None, "metadata": {}}
            for name, source in cells.items()
        ]  # fmt: skip
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": found}
        self.file.write_text(json.dumps(notebook))

    def printed(self, number: int = 0) -> str:
        outputs = json.loads(self.file.read_text())["cells"][number]["outputs"]
        return "".join("".join(output.get("text", "")) for output in outputs)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.process.terminate()
    made.process.wait(20)


@pytest.mark.slow
def test_what_is_printed_after_the_tab_was_closed_is_there(server: Server) -> None:
    server.put(one=SLOW, two="changed since")
    run = server.browser()
    run("one", SLOW)
    run()
    until(lambda: server.printed() == "line 0\n")
    for number in range(4):
        (server.root / f"go{number}").touch()
    until(lambda: server.printed() == "line 0\nline 1\nline 2\nline 3\n")
    until(lambda: "42" in server.file.read_text())
    cell = json.loads(server.file.read_text())["cells"][0]
    assert cell["execution_count"] == 1 and cell["outputs"][-1]["output_type"] == "execute_result"


@pytest.mark.slow
def test_what_was_edited_meanwhile_stays(server: Server) -> None:
    server.put(one=SLOW, two="print(2)")
    run = server.browser()
    run("two", "print(2)")
    run("one", SLOW)
    server.put(one="edited", two="print(2)")
    run()
    (server.root / "go0").touch()
    until(lambda: server.printed(1) == "2\n")
    assert server.printed(0) == ""


def _message(kind: str, **content: Any) -> dict[str, Any]:
    return {"header": {"msg_type": kind}, "content": content}


@pytest.mark.parametrize(
    "printed, kept",
    [
        (["a\n", "b\n"], "a\nb\n"),
        (["1%\r", "2%\r", "3%"], "3%"),
        (["1%\r", "100%\r\n", "next"], "100%\nnext"),
        (["1%\r", "2%\r"], "2%\r"),
    ],
)
def test_a_progress_bar_is_kept_as_it_looks(printed: list[str], kept: str) -> None:
    run = recorder.Run("one", "")
    for text in printed:
        run.take(_message("stream", name="stdout", text=text))
    assert run.outputs[0].text == kept


def test_output_is_cleared_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    run = recorder.Run("one", "")
    run.take(_message("stream", name="stdout", text="old"))
    run.take(_message("clear_output", wait=True))
    assert run.outputs[0].text == "old"
    run.take(_message("stream", name="stdout", text="new"))
    assert [output.text for output in run.outputs] == ["new"]
    monkeypatch.setattr(recorder, "OUTPUT_BYTES", 1000)
    for _ in range(100):
        run.take(_message("stream", name="stdout", text="x" * 100))
    assert len(run.outputs[0].text) < 1100
