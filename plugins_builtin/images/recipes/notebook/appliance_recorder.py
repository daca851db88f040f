"""Keeps what running cells print when nobody is there to see it: Jupyter leaves that to the browser.

Each kernel's output is read here as well. When the last browser goes, what the cells that it started
have printed goes into the notebook's file, now and then while they run and once they end. A cell is
written only while its source is the one that runs and no later run of it is in the file: what
somebody has changed since stays.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from typing import Any

import nbformat
from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
)
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from nbformat.v4 import output_from_msg
from traitlets.config import LoggingConfigurable

WRITE_S = 2.0
RUNS_KEPT = 200  # of a kernel, the last ones
OUTPUT_BYTES = 64 << 20  # of a run; what comes after is dropped and said so
_REWRITTEN = re.compile(r"^.*\r(?=[^\r])")
_OUTPUTS = ("stream", "display_data", "execute_result", "error")


class Run:
    """One execution of a cell: what it was asked and what it has printed so far."""

    def __init__(self, cell_id: str, source: str) -> None:
        self.cell_id, self.source = cell_id, source
        self.outputs: list[nbformat.NotebookNode] = []
        self.count: int | None = None
        self.done = False
        self.written = True  # nothing yet that the file would lack
        self._clear_next = False
        self._bytes = 0

    def take(self, message: dict[str, Any]) -> None:
        """One message of the kernel about this run."""
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "status":
            self.done = self.done or content["execution_state"] == "idle"
        elif kind == "execute_input":
            self.count = content["execution_count"]
        elif kind == "clear_output":
            self._clear_next = content["wait"]
            if not content["wait"]:
                self.outputs = []
        elif kind in _OUTPUTS:
            self._add(output_from_msg(message))
        elif kind == "update_display_data":
            self._update(content)
        else:
            return
        self.written = False

    def _add(self, output: nbformat.NotebookNode) -> None:
        if self._clear_next:
            self.outputs, self._clear_next, self._bytes = [], False, 0
        self._bytes += len(json.dumps(output))
        if self._bytes > OUTPUT_BYTES:
            return
        last = self.outputs[-1] if self.outputs else None
        if last and output.output_type == "stream" and last.get("name") == output.name:
            last.text = _on_screen(last.text + output.text)
        else:
            self.outputs.append(output)

    def _update(self, content: dict[str, Any]) -> None:
        """Progress bars of widgets' kind; which display it was is not in the file, so the last one it is."""
        for output in reversed(self.outputs):
            if output.output_type == "display_data":
                output.update(data=content["data"], metadata=content["metadata"])
                return

    def fits(self, cell: nbformat.NotebookNode) -> bool:
        """Whether the cell is the one that ran, and no later run of it was saved."""
        later = cell.get("execution_count") and self.count and cell.execution_count > self.count
        return cell.get("id") == self.cell_id and cell.source == self.source and not later


def _on_screen(text: str) -> str:
    """As a terminal shows it: a line begun anew hides what it was. Progress bars print thousands of them."""
    if "\r" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_REWRITTEN.sub("", line) for line in lines)


def fill_in(path: str, runs: list[Run], notary: Any) -> bool:
    """Write what is missing in the notebook's file; whether there was anything."""
    notebook = nbformat.read(path, as_version=4)
    trusted, changed = notary.check_signature(notebook), False
    for cell in notebook.cells:
        for run in runs:
            if cell.cell_type == "code" and run.fits(cell):
                if (cell.outputs, cell.execution_count) != (run.outputs, run.count):
                    cell.outputs, cell.execution_count, changed = run.outputs, run.count, True
    if changed:
        part = f"{path}.recording"
        nbformat.write(notebook, part)
        os.replace(part, path)
        if (
            trusted
        ):  # else JupyterLab would hide the HTML among what the user's own cells have printed
            notary.sign(notebook)
    return changed


class Recorder(LoggingConfigurable):
    """What one kernel's cells have printed."""

    def __init__(self, manager: Any, kernel_id: str, settings: dict[str, Any]) -> None:
        super().__init__(parent=manager)
        self.watchers = 0
        self._kernel_id, self._settings = kernel_id, settings
        self._runs: dict[str, Run] = {}
        self._session = manager.session.clone()
        self._writing: asyncio.Task[None] | None = None
        self._stream = manager.connect_iopub()
        self._stream.on_recv(self._receive)

    def asked(self, message: dict[str, Any]) -> None:
        """A browser sends something to the kernel."""
        cell_id = message["metadata"].get("cellId")
        if message["header"]["msg_type"] != "execute_request" or not cell_id:
            return
        for key in [key for key, run in self._runs.items() if run.cell_id == cell_id]:
            del self._runs[key]
        for key in list(self._runs)[: -RUNS_KEPT + 1]:
            del self._runs[key]
        self._runs[message["header"]["msg_id"]] = Run(cell_id, message["content"]["code"])

    def _receive(self, parts: list[bytes]) -> None:
        _, frames = self._session.feed_identities(parts)
        message = self._session.deserialize(frames)
        run = self._runs.get(message["parent_header"].get("msg_id", ""))
        if run:
            run.take(message)

    def left(self) -> None:
        """A browser went away."""
        self.watchers -= 1
        if self.watchers <= 0 and (self._writing is None or self._writing.done()):
            self._writing = asyncio.ensure_future(self._write_on())

    async def _write_on(self) -> None:
        """Until all that ran then has ended, even if somebody comes back: a new page knows nothing of these runs."""
        mine = dict(self._runs)
        while mine:
            await asyncio.sleep(WRITE_S)
            mine = {key: run for key, run in mine.items() if self._runs.get(key) is run}
            await self._write([run for run in mine.values() if not run.written])
            mine = {key: run for key, run in mine.items() if not (run.done and run.written)}

    async def _write(self, runs: list[Run]) -> None:
        path = await self._path()
        if not runs or not path:
            return
        for run in runs:
            run.written = True
        try:
            if fill_in(path, runs, self._settings["contents_manager"].notary):
                self.log.info("kept the output of %d cells in %s", len(runs), path)
        except (OSError, ValueError) as error:  # gone, renamed, no notebook: nothing to keep it in
            self.log.warning("the output of %s was not kept: %s", path, error)

    async def _path(self) -> str:
        """The notebook of this kernel, as a file; "" for a console's."""
        for session in await self._settings["session_manager"].list_sessions():
            if session["kernel"]["id"] == self._kernel_id and session["type"] == "notebook":
                return os.path.join(self._settings["contents_manager"].root_dir, session["path"])
        return ""


class RecordingConnection(ZMQChannelsWebsocketConnection):
    """A browser's connection to a kernel, listened to."""

    _recorder: Recorder | None = None

    def connect(self) -> Any:
        manager, settings = self.kernel_manager, self.websocket_handler.settings
        if not hasattr(manager, "appliance_recorder"):
            manager.appliance_recorder = Recorder(manager, self.kernel_id, settings)
        self._recorder = manager.appliance_recorder
        self._recorder.watchers += 1
        return super().connect()

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        if self._recorder and self.channels:
            self._recorder.asked(self._parsed(incoming_msg))
        super().handle_incoming_message(incoming_msg)

    def _parsed(self, text: Any) -> dict[str, Any]:
        """Of the protocols that there are, JupyterLab speaks the first."""
        if self.subprotocol == "v1.kernel.websocket.jupyter.org":
            _, parts = deserialize_msg_from_ws_v1(text)
            return dict(
                zip(("header", "parent_header", "metadata", "content"), map(json.loads, parts[:4]))
            )
        return deserialize_binary_message(text) if isinstance(text, bytes) else json.loads(text)

    def disconnect(self) -> None:  # type: ignore[override]  # as its own base has it
        super().disconnect()
        if self._recorder:
            self._recorder.left()
            self._recorder = None
