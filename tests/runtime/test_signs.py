"""What counts as use and what does not: real terminals and processes, a Jupyter that says what a test wants."""

from __future__ import annotations

import json
import os
import pty
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.clock import iso
from appliance.runtime import cgroup, probe, processes, signs
from appliance.runtime.processes import Process, parse
from tests.lab import Lab, Person

NOW_MS = 1_800_000_000_000


@contextmanager
def answering(socket: Path, answers: dict[str, bytes]) -> Iterator[list[str]]:
    """A program on a unix socket; the paths that it was asked for."""
    asked: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            path = self.rfile.readline().split()[1].decode()
            asked.append(path)
            body = answers.get(path)
            status = b"404 Not Found" if body is None else b"200 OK"
            self.wfile.write(b"HTTP/1.0 " + status + b"\r\n\r\n" + (body or b""))

    with socketserver.UnixStreamServer(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def look(lab: Lab, ann: Person, socket: Path | None = None, cores: float = 0.0) -> signs.Look:
    notebook = ann.notebook()
    lab.settle()
    return signs.Look(lab.workload(notebook), socket, [], cores, NOW_MS)


def kernel(state: str, used_ms: int) -> dict[str, Any]:
    return {"id": "k", "execution_state": state, "last_activity": iso(used_ms), "connections": 1}


@pytest.mark.parametrize(
    ("kernels", "terminals", "why"),
    [
        ([], [], ""),
        ([kernel("idle", NOW_MS - 5000)], [], ""),  # an open tab: connections are 1
        ([kernel("starting", NOW_MS - 5000)], [], ""),
        ([kernel("busy", NOW_MS - 10**7)], [], "a busy kernel"),
        ([kernel("idle", NOW_MS + 1)], [], "a kernel"),  # busy between two looks
        ([], [{"name": "1", "last_activity": iso(NOW_MS - 5000)}], ""),
        ([], [{"name": "1", "last_activity": iso(NOW_MS + 1)}], "a terminal"),
        ({"not": "a list"}, "nor this", ""),
        ([None, 7, {"last_activity": []}, {"last_activity": "9" * 99}], [{}], ""),
    ],
)
def test_jupyter_says(
    lab: Lab, ann: Person, tmp_path: Path, kernels: Any, terminals: Any, why: str
) -> None:
    found = look(lab, ann, tmp_path / "s")
    base = f"/n/{found.workload.owner_id}/api"
    answers = {f"{base}/kernels": kernels, f"{base}/terminals": terminals}
    with answering(
        tmp_path / "s", {p: json.dumps(a).encode() for p, a in answers.items()}
    ) as paths:
        assert signs.jupyter(found) == why
    assert set(paths) <= set(answers)  # never /api/status, where our own asking counts as use


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"9" * 100_000, b"\xff\xfe"])
def test_a_hostile_answer_is_no_answer(tmp_path: Path, body: bytes) -> None:
    with answering(tmp_path / "s", {"/x": body}):
        assert probe.ask(tmp_path / "s", "/x") is None
        assert probe.ask(tmp_path / "s", "/y") is None
    assert probe.ask(tmp_path / "s", "/x") is None  # nobody listens any more


def test_processors(lab: Lab, ann: Person) -> None:
    found = look(lab, ann, cores=1.25)
    assert signs.processor(found) == "its processes, which used 1.2 cores"
    assert signs.jupyter(found) == signs.terminal(found) == ""


def stat(pid: int, name: str, state: str, session: int, terminal: int) -> str:
    return f"{pid} ({name}) {state} 7 {pid} {session} {terminal} -1 4194304 0"


def test_names_of_processes_are_their_own_choice() -> None:
    found = parse(9, stat(9, "a) R 1 (\n<b>", "S", 5, 34816))
    assert found == Process(9, "aR1b", "S", 7, 5, True)
    assert parse(9, "") is None and parse(9, stat(9, "", "R", 9, 0)) is not None


@pytest.mark.parametrize(
    ("name", "state", "session", "terminal", "counts"),
    [
        ("bash", "S", 9, 34816, False),  # the shell itself
        ("python3", "S", 5, 34816, True),
        ("sleep", "S", 5, 34816, True),
        ("vim", "T", 5, 34816, False),  # stopped by ^Z
        ("python3", "Z", 5, 34816, False),
        ("python3", "R", 5, 0, False),  # a kernel: it has no terminal
    ],
)
def test_a_program_in_a_terminal(
    name: str, state: str, session: int, terminal: int, counts: bool
) -> None:
    found = parse(9, stat(9, name, state, session, terminal))
    assert found is not None and (processes.in_terminal([found]) is not None) == counts


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A shell in a terminal and a cgroup of its own: its pid and the terminal."""
    group = Path("/sys/fs/cgroup/memory") / f"test-{os.getpid()}"
    if not group.parent.is_dir():
        group = Path("/sys/fs/cgroup") / group.name
    group.mkdir()
    pid, terminal = pty.fork()
    if pid == 0:
        (group / "cgroup.procs").write_text("0")
        os.execvp("sh", ["sh"])
    yield pid, terminal
    for one in (group / "cgroup.procs").read_text().split():
        os.kill(int(one), 9)
    os.waitpid(pid, 0)
    os.close(terminal)
    while (group / "cgroup.procs").read_text():
        time.sleep(0.01)
    group.rmdir()


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_real_terminal(shell: tuple[int, int]) -> None:
    pid, terminal = shell
    until(lambda: [p.name for p in processes.of_container(pid)] == ["sh"])
    assert processes.in_terminal(processes.of_container(pid)) is None
    os.write(terminal, b"sleep 1000\n")
    until(lambda: "sleep" in [p.name for p in processes.of_container(pid)])
    found = processes.of_container(pid)
    running = processes.in_terminal(found)
    assert running is not None and running.name == "sleep"
    sleeping = Process(running.pid, "sleep", "S", 999_999, pid, True)
    processes.make_expendable(pid, [*found, sleeping])
    assert Path(f"/proc/{running.pid}/oom_score_adj").read_text().strip() == "500"
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() != "500"


def test_a_stranger_is_never_made_expendable(shell: tuple[int, int]) -> None:
    """A pid that another process has by now."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        before = Path(f"/proc/{stranger.pid}/oom_score_adj").read_text()
        until(lambda: len(cgroup.pids_of(shell[0])) == 1)
        processes.make_expendable(shell[0], [Process(stranger.pid, "x", "S", 1, 1, False)])
        assert Path(f"/proc/{stranger.pid}/oom_score_adj").read_text() == before
        stranger.communicate(b"\n")


def test_processor_time_is_counted() -> None:
    until(lambda: cgroup.cpu_ns(os.getpid()) is None or (cgroup.cpu_ns(os.getpid()) or 0) > 0)
    assert cgroup.cpu_ns(1 << 30) is None and cgroup.pids_of(1 << 30) == []
