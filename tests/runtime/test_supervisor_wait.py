"""Waiting between two turns: what starts is noticed by its socket, without asking the container engine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from appliance.runtime.probe import listens
from appliance.runtime.supervisor import Supervisor

LONG_S = 30.0


class Drives:
    """Notes which workloads were driven, each with success."""

    def __init__(self) -> None:
        self.driven: list[str] = []

    def drive(self, workload_id: str) -> bool:
        self.driven.append(workload_id)
        return True


@pytest.fixture()
def drives() -> Drives:
    return Drives()


@pytest.fixture()
def supervisor(drives: Drives) -> Iterator[Supervisor]:
    nothing: Any = SimpleNamespace()
    lifecycle: Any = drives
    with ThreadPoolExecutor(1) as pool:
        yield Supervisor(nothing, nothing, lifecycle, pool, pool)


def test_a_program_that_begins_to_listen_is_driven_on_at_once(
    supervisor: Supervisor, drives: Drives, tmp_path: Path
) -> None:
    paths = {name: tmp_path / name for name in ("wsilent", "wready")}
    supervisor.unanswered = dict(paths)
    with socket.socket(socket.AF_UNIX) as listener, ThreadPoolExecutor(1) as waiting:
        waited = waiting.submit(supervisor.wait, LONG_S)
        listener.bind(str(paths["wready"]))
        listener.listen()
        waited.result(LONG_S / 2)  # the step's success woke it, long before its time
    assert drives.driven == ["wready"]
    assert supervisor.unanswered == {"wsilent": paths["wsilent"]}


def test_a_wake_up_ends_the_wait(supervisor: Supervisor, tmp_path: Path) -> None:
    for unanswered in ({}, {"wsilent": tmp_path / "none"}):
        supervisor.unanswered = unanswered
        supervisor.again.set()
        with ThreadPoolExecutor(1) as waiting:
            waiting.submit(supervisor.wait, LONG_S).result(LONG_S / 2)
        assert not supervisor.again.is_set()


def test_listens(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert not listens(path)  # bound only
        listener.listen(0)
        assert [listens(path) for _ in range(4)] == [True] * 4  # a full queue is somebody, too
    assert not listens(path)
    path.unlink()
    assert not listens(path)
