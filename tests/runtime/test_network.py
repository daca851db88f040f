"""Two teams, the host and a neighbour on another network: who reaches whom, with real packets."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.errors import Invalid, Unavailable
from appliance.runtime import network
from tests.runtime.engine import TestEngine, engine

CONFIG = Config(data=Path("/nowhere"), instance="0a1b2c", slot=14)
LINK_LOCAL_ON_LO = "169.254.77.77"
NEAR, FAR, FAR_LINK_LOCAL = "198.51.100.1", "198.51.100.2", "169.254.78.2"

# Accepts on every address given, says when it is ready.
LISTEN = """
import selectors, socket, sys
waiting = selectors.DefaultSelector()
for place in sys.argv[1:]:
    host, port = place.rsplit(":", 1)
    listener = socket.create_server((host.strip("[]"), int(port)),
                                    family=socket.AF_INET6 if "[" in host else socket.AF_INET)
    waiting.register(listener, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in waiting.select():
        key.fileobj.accept()[0].close()
"""

# Tries all at once, so that the dropped ones cost one timeout together. An address of IPv6 can't be
# used for the first second or two of an interface's life.
PROBE = """
import concurrent.futures, errno, json, socket, sys, time
def open_to(place):
    host, port = place.rsplit(":", 1)
    for _ in range(100):
        try:
            socket.create_connection((host.strip("[]"), int(port)), 2).close()
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                return False
            time.sleep(0.1)
        else:
            return True
places = sys.argv[1:]
with concurrent.futures.ThreadPoolExecutor(len(places)) as pool:
    print(json.dumps(dict(zip(places, pool.map(open_to, places)))))
"""


def test_interface_names_fit_and_slots_are_checked() -> None:
    spec = network.team_network(CONFIG, 254)
    assert spec.name == "appliance-0a1b2c-t254" and spec.subnet == "10.206.254.0/24"
    assert spec.interface == "ap0a1b2ct254" and len(spec.interface) <= 15
    for slot in (0, 255):
        with pytest.raises(Invalid):
            network.team_network(CONFIG, slot)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=10)


@contextmanager
def listening(*places: str, namespace: str = "") -> Iterator[None]:
    prefix = ["ip", "netns", "exec", namespace] if namespace else []
    argv = [*prefix, sys.executable, "-c", LISTEN, *places]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


@contextmanager
def neighbour() -> Iterator[str]:
    """A network namespace behind a veth: "elsewhere", with a public and a link-local address."""
    name = f"apt{secrets.token_hex(3)}"
    ip("netns", "add", name)
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("address", "add", f"{NEAR}/30", "dev", name)
        ip("link", "set", name, "up")
        ip("route", "add", f"{FAR_LINK_LOCAL}/32", "via", FAR, "dev", name)
        for address in (f"{FAR}/30", f"{FAR_LINK_LOCAL}/32"):
            ip("-n", name, "address", "add", address, "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "route", "add", "default", "via", NEAR)
        yield name
    finally:
        ip("netns", "delete", name)


class Cell:
    """Two teams' networks, a listening container in each, listeners on the host and elsewhere."""

    def __init__(self, made: TestEngine, elsewhere: str) -> None:
        self.made, self.elsewhere = made, elsewhere
        self.nets = [network.team_network(CONFIG, slot) for slot in (1, 2)]
        for net in self.nets:
            made.networks.append(net.name)
            made.backend.ensure_network(net)
        self.names = [made.name(), made.name()]
        self.addresses = [self._serve(name, net.name) for name, net in zip(self.names, self.nets)]
        self.gateway = str(CONFIG.team_subnet(1)[1])

    def _serve(self, name: str, net: str) -> str:
        """Start a listener on port 8000; its address."""
        script = "hostname -i; exec python3 -c \"$LISTEN\" '0.0.0.0:8000'"
        spec = self.made.spec(name, "sh", "-c", script, network=net, env={"LISTEN": LISTEN})
        self.made.backend.create(spec)
        self.made.backend.start(name)
        log = self.made.root / f"{name}.log"
        ends = time.monotonic() + 30
        while time.monotonic() < ends and "ready" not in log.read_text():
            time.sleep(0.05)
        return self.made.output(name).split()[0]

    def from_team_1(self, *places: str) -> dict[str, bool]:
        name = self.made.name()
        net = self.nets[0].name
        self.made.run(name, "python3", "-c", PROBE, *places, network=net)
        return json.loads(self.made.output(name))

    def from_elsewhere(self, *places: str) -> dict[str, bool]:
        argv = ["ip", "netns", "exec", self.elsewhere, sys.executable, "-c", PROBE, *places]
        done = subprocess.run(argv, capture_output=True, check=True, timeout=60)
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def cell() -> Iterator[Cell]:
    with ExitStack() as stack:
        made = stack.enter_context(engine())
        elsewhere = stack.enter_context(neighbour())
        network.ensure_api_address(CONFIG)
        network.ensure_api_address(CONFIG)
        stack.callback(network.remove_api_address, CONFIG)
        ip("address", "replace", f"{LINK_LOCAL_ON_LO}/32", "dev", "lo")
        stack.callback(ip, "address", "delete", f"{LINK_LOCAL_ON_LO}/32", "dev", "lo")
        api = f"{CONFIG.api_address}:{CONFIG.api_port}"
        stack.enter_context(listening(api, "0.0.0.0:18777", "[::]:18778"))
        far = (f"{FAR}:18777", f"{FAR_LINK_LOCAL}:18777")
        stack.enter_context(listening(*far, namespace=elsewhere))
        yield Cell(made, elsewhere)


@pytest.fixture(scope="module")
def walled(cell: Cell) -> Iterator[Cell]:
    network.ensure_firewall(CONFIG)
    network.ensure_firewall(CONFIG)
    yield cell
    network.remove_firewall(CONFIG)
    network.remove_firewall(CONFIG)


def hostile(cell: Cell) -> list[str]:
    """Places that a workload has no business with, each with a listener."""
    hosts = (
        cell.gateway,
        str(CONFIG.team_subnet(2)[1]),
        NEAR,
        CONFIG.api_address,
        LINK_LOCAL_ON_LO,
    )
    return [f"{host}:18777" for host in hosts] + [f"{FAR_LINK_LOCAL}:18777"]


def bridge_by_ipv6(cell: Cell) -> str:
    """The host's own link-local address on team 1's bridge, as a container says it."""
    argv = ["ip", "-json", "-6", "address", "show", "dev", cell.nets[0].interface]
    shown = subprocess.run(argv, capture_output=True, check=True, timeout=10)
    address = json.loads(shown.stdout)[0]["addr_info"][0]["local"]
    return f"[{address}%eth0]:18778"


@pytest.mark.containers
def test_the_places_are_open_without_the_wall(cell: Cell) -> None:
    """Else the next test would prove nothing."""
    reached = cell.from_team_1(*hostile(cell), f"{FAR}:18777", bridge_by_ipv6(cell))
    assert set(reached.values()) == {True}, reached
    into_ours = cell.from_elsewhere(f"{cell.addresses[0]}:8000", f"{CONFIG.api_address}:18777")
    assert set(into_ours.values()) == {True}, into_ours


@pytest.mark.containers
def test_a_workload_reaches_the_api_its_team_and_the_world(walled: Cell) -> None:
    wanted = [
        f"{CONFIG.api_address}:{CONFIG.api_port}",
        f"{walled.addresses[0]}:8000",
        f"{walled.names[0]}:8000",  # a teammate's name, so DNS works
        f"{FAR}:18777",
    ]
    reached = walled.from_team_1(*wanted)
    assert set(reached.values()) == {True}, reached


@pytest.mark.containers
def test_a_workload_does_not_reach_the_host_or_other_teams(walled: Cell) -> None:
    other_team = [f"{walled.addresses[1]}:8000", f"{walled.names[1]}:8000"]
    reached = walled.from_team_1(*hostile(walled), *other_team)
    assert set(reached.values()) == {False}, reached


@pytest.mark.containers
def test_nobody_else_gets_into_our_bridges_or_the_api(walled: Cell) -> None:
    api = f"{CONFIG.api_address}:{CONFIG.api_port}"
    reached = walled.from_elsewhere(f"{walled.addresses[0]}:8000", api, f"{NEAR}:18777")
    assert reached == {f"{walled.addresses[0]}:8000": False, api: False, f"{NEAR}:18777": True}


@pytest.mark.containers
def test_nothing_passes_by_ipv6(walled: Cell) -> None:
    place = bridge_by_ipv6(walled)
    assert walled.from_team_1(place) == {place: False}


@pytest.mark.containers
def test_a_wrong_table_is_told_and_changes_nothing(walled: Cell, tmp_path: Path) -> None:
    fake = tmp_path / "nft"
    fake.write_text("#!/bin/sh\necho 'no such thing' >&2; exit 1\n")
    fake.chmod(0o755)
    path = os.environ["PATH"]
    try:
        os.environ["PATH"] = f"{tmp_path}:{path}"
        with pytest.raises(Unavailable, match="no such thing"):
            network.ensure_firewall(CONFIG)
    finally:
        os.environ["PATH"] = path


def test_a_bridge_keeps_a_port_of_ours() -> None:
    bridge = network.team_network(CONFIG, 7).interface
    network.ensure_keeper(CONFIG, 7)  # no bridge yet: nothing to keep
    subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True, timeout=10)
    try:
        network.ensure_keeper(CONFIG, 7)
        network.ensure_keeper(CONFIG, 7)
        place = Path("/sys/class/net") / bridge
        assert len(list((place / "brif").iterdir())) == 1
        assert (place / "address").read_text().startswith("02:00:00:00:00:01")
        network.remove_keepers(CONFIG)
        assert not list((place / "brif").iterdir())
    finally:
        network.remove_all(CONFIG)
    assert not place.exists()


def test_rules_that_the_engine_left_go_with_the_instance() -> None:
    mine = ["FORWARD", "-s", str(CONFIG.team_subnet(7)), "-j", "ACCEPT"]
    others = ["FORWARD", "-s", "203.0.113.0/24", "-j", "ACCEPT"]
    for rule in (mine, others):
        subprocess.run(["iptables", "-A", *rule], check=True, timeout=10)
    try:
        network.remove_all(CONFIG)
        saved = subprocess.run(["iptables-save"], capture_output=True, text=True, timeout=10).stdout
        assert str(CONFIG.team_subnet(7)) not in saved
        assert "203.0.113.0/24" in saved
    finally:
        subprocess.run(["iptables", "-D", *others], check=True, timeout=10)
