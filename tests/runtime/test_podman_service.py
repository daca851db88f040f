"""What the engine is told on which host: pure functions over inputs."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from appliance.runtime.cgroup import counter_files
from appliance.runtime.podman_service import (
    Host,
    containers_conf_text,
    detect,
    engine_env,
    needed_ulimits,
    pick_runtime,
)

FULL = "Name:\tx\nCapEff:\t000001ffffffffff\n"
WITHOUT_SYS_RESOURCE = "Name:\tx\nCapEff:\t000001fffeffffff\n"


@pytest.mark.parametrize(
    "version, has_crun, wanted",
    [(1, True, "runc"), (1, False, "runc"), (2, True, "crun"), (2, False, "runc")],
)
def test_runtime(version: int, has_crun: bool, wanted: str) -> None:
    assert pick_runtime(version, has_crun) == wanted


def test_limits_are_named_only_where_they_can_not_be_raised() -> None:
    hard = {"nofile": 20000, "nproc": -1}
    assert needed_ulimits(FULL, hard) == {}
    assert needed_ulimits(WITHOUT_SYS_RESOURCE, hard) == {"nofile": "20000:20000"}


def test_configuration_with_systemd_and_without() -> None:
    old = Host(1, False, "runc", {"nofile": "9:9"})
    conf = tomllib.loads(containers_conf_text(old, Path("/data/networks")))
    assert conf["containers"] == {"default_ulimits": ["nofile=9:9"]}
    assert (conf["engine"]["runtime"], conf["engine"]["cgroup_manager"]) == ("runc", "cgroupfs")
    assert conf["network"] == {
        "network_backend": "netavark",
        "network_config_dir": "/data/networks",
    }
    new = tomllib.loads(containers_conf_text(Host(2, True, "crun"), Path("/data/networks")))
    assert new["containers"] == {}
    assert new["engine"]["cgroup_manager"] == "systemd"


def test_this_machine_can_be_looked_at() -> None:
    host = detect()
    assert host.cgroup_version in (1, 2) and host.runtime in ("runc", "crun")


def test_where_the_kernel_counts() -> None:
    hybrid = "9:memory:/libpod_parent/libpod-1\n4:cpu:/x\n1:name=systemd:/\n0::/\n"
    assert [str(path) for path in counter_files(hybrid)] == [
        "/sys/fs/cgroup/memory/libpod_parent/libpod-1/memory.oom_control",
        "/sys/fs/cgroup/memory.events",
    ]
    unified = "0::/machine.slice/libpod-1.scope/container\n"
    assert [str(path) for path in counter_files(unified)] == [
        "/sys/fs/cgroup/machine.slice/libpod-1.scope/container/memory.events"
    ]


def test_the_engine_does_not_speak_to_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    env = engine_env(Path("/c.conf"))
    assert "NOTIFY_SOCKET" not in env
    assert env["CONTAINERS_CONF"] == "/c.conf" and env["PATH"]
