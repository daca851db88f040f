"""Checks of the host."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.runtime import doctor
from appliance.runtime.ports import blocking_listener, listeners, parse

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1611 1 00
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1612 1 00
   2: 0100007F:1F91 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1613 1 00
"""
TCP6 = """  sl  local_address  remote_address  st tx rx tr uid
   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 0:0 0 7 0 9
   1: 00000000000000000000000000000000:0017 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 9
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=tmp_path, instance="abcdef", slot=15)


def by_name(config: Config) -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.checks(config)}


@pytest.mark.parametrize(
    ("host", "port", "uid"),
    [
        ("127.0.0.1", 8080, 1000),
        ("0.0.0.0", 8080, 1000),
        ("localhost", 8080, 1000),
        ("192.0.2.7", 8080, None),
        ("10.192.0.1", 80, 0),
        ("127.0.0.1", 8081, None),
        ("::1", 22, 7),
        ("127.0.0.1", 22, None),
        ("127.0.0.1", 23, 0),
    ],
)
def test_what_is_in_the_way(host: str, port: int, uid: int | None) -> None:
    found = blocking_listener([*parse(TCP), *parse(TCP6)], host, port)
    assert (found and found.uid) == uid


def test_a_real_listener_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = blocking_listener(listeners(), "127.0.0.1", server.getsockname()[1])
    assert found and found.uid == os.getuid()


def test_a_busy_port_is_essential_unless_it_is_ours(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check = by_name(replace(config, port=server.getsockname()[1]))["ports"]
    assert not check.ok and "in use by uid" in check.detail and "--port" in check.cure
    assert check in doctor.failed([check])


def test_data_dir(config: Config, tmp_path: Path) -> None:
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o077 == 0:
            parent.chmod(0o711)
    short = replace(config, data=Path("/var/lib/appliance-never-there"))
    assert by_name(short)["data directory"].ok
    assert (
        "characters"
        in by_name(replace(config, data=Path("/var/lib/" + "x" * 60)))["data directory"].detail
    )
    tmp_path.chmod(0o700)
    assert "lets no other users through" in by_name(config)["data directory"].detail


def test_every_failure_has_a_cure(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    results = doctor.checks(config)
    assert {check.name for check in doctor.failed(results)} >= {"podman", "nginx", "firewall"}
    assert all(check.ok == (not check.cure) for check in results)


def test_one_file_system(config: Config) -> None:
    (config.paths.notebooks).mkdir()
    check = by_name(config)["one file system"]
    assert check.ok and "notebooks" in check.detail


@pytest.mark.skipif(os.getuid() != 0, reason="mounts and kills connections")
def test_this_machine_can_carry_it(config: Config) -> None:
    results = by_name(config)
    for name in (
        "kernel",
        "user namespaces",
        "nosymfollow mounts",
        "cgroups",
        "firewall",
        "programs",
    ):
        assert results[name].ok, results[name]
