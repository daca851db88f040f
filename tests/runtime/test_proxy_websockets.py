"""Connections that stay open: who may open one, what a reload does, and how one is closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import websocket

from appliance.errors import Invalid
from appliance.runtime import connections
from tests.runtime.proxy_parts import Lab, open_lab, speaks, until


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab() as opened:
        yield opened


def connection_of(lab: Lab, gate: str) -> connections.Connection:
    """As web would have recorded it."""
    asked = lab.asked_about(gate)[-1]
    return connections.parse(asked["x-client"], asked["x-server"], {lab.config.port})


def test_a_websocket_passes(lab: Lab) -> None:
    opened = lab.websocket("/n/mine/api/kernels", lab.sign_in("/n/mine"))
    assert speaks(opened, "1+1") and speaks(opened, "2")
    opened.shutdown()


def test_each_handshake_is_asked_for_and_names_its_connection(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine")
    assert lab.get("/n/mine/x", gate=gate).status == 200
    opened = [lab.websocket("/n/mine/ws", gate) for _ in range(3)]
    recorded = {asked.get("x-client") for asked in lab.asked_about(gate)}
    assert recorded - {None} == {local_address(one) for one in opened}
    assert lab.asked_about(gate)[-1]["x-server"] == f"127.0.0.1:{lab.config.port}"
    for one in opened:
        one.shutdown()


def local_address(opened: websocket.WebSocket) -> str:
    assert opened.sock is not None
    return "%s:%s" % opened.sock.getsockname()


@pytest.mark.parametrize("origin", ["http://theirs.localhost", "http://evil.example", "null"])
def test_a_websocket_from_another_origin_is_refused(lab: Lab, origin: str) -> None:
    gate = lab.sign_in("/n/mine")
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        lab.websocket("/n/mine/ws", gate, origin=origin)
    assert refused.value.status_code == 403
    assert not lab.asked_about(gate)


def test_a_websocket_needs_access(lab: Lab) -> None:
    for gate, status in ((lab.sign_in("/n/theirs"), 403), ("nobody", 401)):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            lab.websocket("/n/mine/ws", gate)
        assert refused.value.status_code == status


def test_only_websockets_become_tunnels(lab: Lab) -> None:
    headers = [
        ("Upgrade", "h2c"),
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("HTTP2-Settings", "x"),
    ]
    answer = lab.get("/n/mine/x", headers=headers, gate=lab.sign_in("/n/mine"))
    assert answer.values("upgrade") == answer.values("connection") == []


def test_a_reload_keeps_websockets(lab: Lab) -> None:
    opened = lab.websocket("/n/mine/ws", lab.sign_in("/n/mine"))
    lab.clock.advance(1)
    lab.gateway.want(replace(lab.site, names=(*lab.site.names, "lab.example")))
    assert lab.gateway.turn()
    until(lambda: lab.get("/x", "lab.example").status == 200)
    assert speaks(opened)
    opened.shutdown()


def test_exactly_one_clients_connection_is_closed(lab: Lab) -> None:
    gates = [lab.sign_in("/n/mine") for _ in range(3)]
    opened = [lab.websocket("/n/mine/ws", gate) for gate in gates]
    target = connection_of(lab, gates[1])
    assert target in connections.established({lab.config.port})
    assert connections.close(target)
    assert [speaks(one) for one in opened] == [True, False, True]
    assert connections.close(target)  # gone already
    for one in opened:
        one.shutdown()


def test_where_connections_can_not_be_closed_a_reload_does() -> None:
    with open_lab(slot=12, shutdown_timeout_s=1) as lab:
        opened = lab.websocket("/n/mine/ws", lab.sign_in("/n/mine"))
        lab.clock.advance(1)
        lab.gateway.want(replace(lab.site, names=("localhost",)))
        assert lab.gateway.turn()
        until(lambda: not speaks(opened))
        opened.shutdown()


def test_this_kernel_can_close_connections() -> None:
    assert connections.can_close()


@pytest.mark.parametrize(
    ("client", "server"),
    [
        ("10.0.0.1:50000", "10.0.0.2:22"),
        ("10.0.0.1:50000 or dport = :22", "10.0.0.2:8080"),
        ("10.0.0.1", "10.0.0.2:8080"),
        ("10.0.0.1:99999999", "10.0.0.2:8080"),
        ("lab.example:50000", "10.0.0.2:8080"),
        ("", ""),
    ],
)
def test_only_connections_of_the_gateway_can_be_named(client: str, server: str) -> None:
    with pytest.raises(Invalid):
        connections.parse(client, server, {8080})


def test_ipv6_is_read_as_nginx_writes_it() -> None:
    parsed = connections.parse("fe80::1:50000", "::1:8080", {8080})
    assert (str(parsed.client), parsed.server.filter) == ("fe80::1:50000", "[::1]:8080")
