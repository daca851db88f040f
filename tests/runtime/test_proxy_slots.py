"""Upstream groups: connections to a container are kept, and never lead to another one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.runtime import slots
from appliance.runtime.slots import Held
from tests.runtime.proxy_parts import Container, Lab, UnixServer, open_lab, speaks, until


class Counting(UnixServer):
    """Counts the connections it accepts, and breaks those that are open when it ends, as a container does."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path, Container, name)
        self.accepted = 0
        self._open: list[object] = []

    def process_request(self, request: object, client_address: object) -> None:
        self.accepted += 1
        self._open.append(request)
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def die(self) -> None:
        self.shutdown()
        self.server_close()
        for request in self._open:
            self.shutdown_request(request)  # type: ignore[arg-type]


@contextmanager
def running(lab: Lab, name: str) -> Iterator[Counting]:
    """A stand-in for a container that listens in the socket directory of this workload."""
    server = Counting(lab.config.paths.sockets / name / "app.sock", name)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.die()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab(slot=8) as opened:
        opened.config.paths.slots.mkdir(parents=True)
        yield opened


def lead(lab: Lab, slot: int, workload: str) -> str:
    """Let the slot, and the service `mine`, lead to this workload; a gate cookie for it."""
    slots.link(lab.config.paths, Held(slot, workload))
    lab.services["/n/mine"] = slots.upstream(slot)
    return lab.sign_in("/n/mine")


def test_connections_are_kept(lab: Lab) -> None:
    with running(lab, "wkept") as container:
        gate = lead(lab, 0, "wkept")
        answers = [lab.get(f"/n/mine/{number}x", gate=gate) for number in range(20)]
        assert {answer.seen["server"] for answer in answers} == {"wkept"}
        assert container.accepted <= lab.site.workers
        assert answers[-1].values("connection") == []
        posted = lab.get("/n/mine/x", gate=gate, method="POST", body=b"text", headers=own(lab))
        assert (posted.seen["method"], posted.seen["body"]) == ("POST", "text")


def own(lab: Lab) -> list[tuple[str, str]]:
    return [("Origin", f"http://mine.localhost:{lab.config.port}")]


def test_idle_connections_end_before_users_servers_close_them(lab: Lab) -> None:
    with running(lab, "widle") as container:
        gate = lead(lab, 1, "widle")
        lab.get("/n/mine/x", gate=gate)
        idle = container._open[0]
        until(lambda: idle.fileno() < 0)  # type: ignore[attr-defined]


def test_the_next_holder_is_not_answered_for_by_the_last_one(lab: Lab) -> None:
    for workload in ("wlast", "wnext", "wthird"):
        with running(lab, workload):
            gate = lead(lab, 2, workload)
            answers = [lab.get("/n/mine/x", gate=gate) for _ in range(8)]
            assert {answer.seen["server"] for answer in answers} == {workload}


def test_a_container_that_died_is_starting_until_the_next(lab: Lab) -> None:
    with running(lab, "wdead"):
        gate = lead(lab, 3, "wdead")
        assert lab.get("/n/mine/x", gate=gate).status == 200
    assert lab.get("/n/mine/x", gate=gate).status == 503
    (lab.config.paths.slots / "3").unlink()
    assert lab.get("/n/mine/x", gate=gate).status == 503
    with running(lab, "walive"):
        slots.link(lab.config.paths, Held(3, "walive"))
        assert lab.get("/n/mine/x", gate=gate).seen["server"] == "walive"


def test_websockets_go_through_a_slot(lab: Lab) -> None:
    with running(lab, "wsocket"):
        gate = lead(lab, 4, "wsocket")
        channel = lab.websocket("/n/mine/ws", gate)
        assert speaks(channel)
        assert lab.get("/n/mine/x", gate=gate).values("upgrade") == []
        assert speaks(channel, "again")
        channel.close()
