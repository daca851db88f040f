"""The process manager with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.runtime import foreground
from appliance.runtime.foreground import Process

UID = 1 << 30


def process(name: str, script: str, uid: int = 0, **more: Any) -> Process:
    argv, env = ["bash", "-c", script], dict(os.environ)
    return Process(name, argv, env, uid, uid, [], [])._replace(**more)


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name in ("log", "pid"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def start(run: Path) -> Iterator[Start]:
    started = []

    def begin(*processes: Process) -> subprocess.Popen[str]:
        with tempfile.TemporaryFile("w+") as plan, open(run / "up.lock", "w") as lock:
            json.dump({"run": str(run), "processes": [p._asdict() for p in processes]}, plan)
            plan.seek(0)
            fds = (plan.fileno(), lock.fileno())
            argv = [sys.executable, "-I", "-S", foreground.__file__, *map(str, fds)]
            started.append(subprocess.Popen(argv, pass_fds=fds, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for manager in started:
        manager.kill()
        manager.communicate()


def line_with(manager: subprocess.Popen[str], text: str) -> str:
    assert manager.stderr
    for line in manager.stderr:
        if text in line:
            return line
    raise AssertionError(f"ended without {text!r}")


def test_lines_carry_the_name_and_go_to_the_log(start: Start, run: Path) -> None:
    manager = start(process("web", "echo hello; echo oops >&2; exec sleep 60"))
    assert line_with(manager, "hello") == "web        | hello\n"
    line_with(manager, "oops")
    assert (run / "log/web.log").read_text() == "hello\noops\n"


def test_stops_in_reverse_order_and_kills_what_ignores_it(
    start: Start, monkeypatch: Any, run: Path
) -> None:
    loop = "trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.05; done"
    manager = start(process("first", loop), process("second", loop))
    line_with(manager, "ready")
    line_with(manager, "ready")
    manager.send_signal(signal.SIGINT)
    assert line_with(manager, "bye").startswith("second")
    assert line_with(manager, "bye").startswith("first")
    assert manager.wait(20) == 0
    assert not list((run / "pid").iterdir())


def test_second_interrupt_kills(start: Start) -> None:
    manager = start(process("deaf", "trap '' TERM; echo ready; while :; do sleep 1; done"))
    line_with(manager, "ready")
    manager.send_signal(signal.SIGINT)
    manager.send_signal(signal.SIGTERM)
    assert manager.wait(10) == 0


def test_a_killed_service_comes_back(start: Start, run: Path) -> None:
    manager = start(process("web", "echo I am $$; exec sleep 60"))
    first = int(line_with(manager, "I am").split()[-1])
    assert int((run / "pid/web.pid").read_text()) == first
    os.kill(first, signal.SIGKILL)
    assert "starting again in 0.2 s" in line_with(manager, "was killed by signal 9")
    assert int(line_with(manager, "I am").split()[-1]) != first


def test_an_unknown_program_is_said(start: Start) -> None:
    manager = start(process("web", "")._replace(argv=["/nowhere/at-all"]))
    line_with(manager, "/nowhere/at-all")
    line_with(manager, "starting again")


@pytest.mark.skipif(os.getuid() != 0, reason="changes its uid")
def test_user_groups_and_capabilities(start: Start) -> None:
    script = "id -u; id -G; grep -E 'NoNewPrivs|Cap(Eff|Bnd|Amb)' /proc/self/status; exec sleep 60"
    manager = start(process("proxy", script, UID, groups=[UID + 1], caps=["net_bind_service"]))
    assert line_with(manager, "|").endswith(f"| {UID}\n")
    assert line_with(manager, "|").endswith(f"| {UID} {UID + 1}\n")
    status = [line_with(manager, "|").split()[-1] for _ in range(4)]
    assert [int(value, 16) for value in status] == [1 << 10, 1 << 10, 1 << 10, 1]


@pytest.mark.skipif(os.getuid() != 0, reason="changes its uid")
@pytest.mark.parametrize(("uid", "caps"), [(0, []), (UID, []), (UID, ["net_bind_service"])])
def test_services_die_with_the_manager(start: Start, uid: int, caps: list[str]) -> None:
    loop = "trap 'echo gone; exit' TERM; echo ready; while :; do sleep 0.05; done"
    manager = start(process("web", loop, uid, caps=caps))
    line_with(manager, "ready")
    child = int(Path(f"/proc/{manager.pid}/task/{manager.pid}/children").read_text().split()[0])
    descriptor = os.pidfd_open(child)
    manager.kill()
    signal.pidfd_send_signal(descriptor, 0)  # not ended by the kill itself
    poll = foreground.select.poll()
    poll.register(descriptor, foreground.select.POLLIN)
    assert poll.poll(10_000)


def test_delays_double_up_to_a_bound_and_start_over() -> None:
    delays = [0.0]
    for _ in range(8):
        delays.append(foreground.next_delay(delays[-1], 0.1))
    assert delays[1:] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert foreground.next_delay(10.0, 31) == 0.2


def test_log_is_bounded(tmp_path: Path) -> None:
    log = foreground.Log(str(tmp_path / "x.log"))
    for _ in range(40):
        log.write(b"x" * (1 << 19))
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == 2 and max(sizes) <= foreground.LOG_BYTES + (1 << 19)
