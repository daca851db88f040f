"""What only real containers can show: limits, ids, exit codes and the kernel's word on memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import Unavailable
from appliance.runtime.backend import BackendError, Bind, ImageNotFound, NetworkSpec
from appliance.runtime.podman import PodmanBackend
from tests.runtime.engine import UID_START, TestEngine, engine

pytestmark = pytest.mark.containers

HOG = "x = bytearray(400 << 20)"


@pytest.fixture(scope="module")
def made() -> Iterator[TestEngine]:
    with engine() as one:
        yield one


def run(made: TestEngine, script: str, **changes: object) -> tuple[int | None, str]:
    name = made.name()
    ended = made.run(name, "sh", "-c", script, **changes)
    return ended.exit_code, made.output(name)


def test_limits_are_visible_inside(made: TestEngine) -> None:
    script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"
    script += "; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null"
    script += "; df -k --output=size /dev/shm | tail -1; env"
    _, text = run(made, script, memory_mib=96, pids=77, shm_mib=8, env={"GREETING": "hello\tyou"})
    lines = [line.strip() for line in text.splitlines()]
    assert lines[:3] == [str(96 << 20), "77", "8192"]
    assert "GREETING=hello\tyou" in lines


def test_processor_time_is_limited(made: TestEngine) -> None:
    script = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/cpu.max"
    _, text = run(made, script, cpu_milli=250)
    assert text.split()[0] == "25000"


def test_root_inside_is_the_teams_first_id_outside(made: TestEngine, tmp_path: Path) -> None:
    work = made.root / "work"
    work.mkdir()
    os.chown(work, UID_START, UID_START)
    bind = Bind(work, "/w")
    script = "id -u; cat /proc/self/uid_map; touch /w/mine"
    script += "; su -s /bin/sh nobody -c 'touch /tmp/x' && echo su"
    code, text = run(made, script, binds=(bind,))
    assert code == 0
    assert text.split() == ["0", "0", str(UID_START), "65536", "su"]
    assert (work / "mine").stat().st_uid == UID_START
    assert (work / "mine").stat().st_gid == UID_START


def test_read_only_mounts_and_mount_options(made: TestEngine) -> None:
    work = made.root / "ro"
    work.mkdir(mode=0o777)
    os.chown(work, UID_START, UID_START)
    script = "touch /w/x; grep ' /w ' /proc/self/mountinfo"
    _, text = run(made, script, binds=(Bind(work, "/w", read_only=True),))
    assert "Read-only file system" in text
    options = text.splitlines()[-1].split()[5].split(",")
    assert {"ro", "nosuid", "nodev"} <= set(options)


def test_no_new_privileges_and_default_capabilities(made: TestEngine) -> None:
    _, text = run(made, "grep -E 'NoNewPrivs|CapBnd' /proc/self/status")
    values = dict(line.split(":\t") for line in text.splitlines())
    assert values["NoNewPrivs"] == "1"
    assert int(values["CapBnd"], 16) & (1 << 21) == 0  # CAP_SYS_ADMIN
    assert int(values["CapBnd"], 16) & (1 << 13) == 0  # CAP_NET_RAW
    assert int(values["CapBnd"], 16) & 1  # CAP_CHOWN


def test_hosts_and_workdir_and_no_network(made: TestEngine) -> None:
    script = "grep appliance /etc/hosts; pwd; ls /sys/class/net"
    _, text = run(made, script, hosts={"appliance": "10.192.0.1"}, workdir="/made/for/it")
    assert text.split() == ["10.192.0.1", "appliance", "/made/for/it", "lo"]


def test_term_is_heeded_and_kill_follows(made: TestEngine) -> None:
    polite, deaf = made.name(), made.name()
    made.backend.create(
        made.spec(polite, "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done")
    )
    made.backend.create(made.spec(deaf, "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"))
    for name, code in ((polite, 9), (deaf, 137)):
        made.backend.start(name)
        made.backend.stop(name, 2)
        ended = made.backend.inspect(name)
        assert ended is not None and ended.exit_code == code and not ended.oom_killed


def test_a_memory_hog_ends_with_137_and_oom(made: TestEngine) -> None:
    ended = made.run(made.name(), "python3", "-c", HOG, memory_mib=64)
    assert (ended.exit_code, ended.oom_killed) == (137, True)


def test_a_killed_child_is_counted_while_the_container_lives(made: TestEngine) -> None:
    name = made.name()
    script = f"python3 -c '{HOG}'; echo $? > /w/code; sleep 1000"
    work = made.root / "hog"
    work.mkdir()
    os.chown(work, UID_START, UID_START)
    spec = made.spec(name, "sh", "-c", script, memory_mib=64, binds=(Bind(work, "/w"),))
    made.backend.create(spec)
    made.backend.start(name)
    while not (work / "code").exists():
        pass
    container = made.backend.inspect(name)
    assert container is not None and made.backend.oom_kills(container) == 1
    made.backend.remove(name)


def test_a_command_that_is_not_there_ends_with_127(made: TestEngine) -> None:
    assert made.run(made.name(), "/no/such/program").exit_code == 127
    assert made.run(made.name(), "/etc/passwd").exit_code == 126
    assert made.run(made.name(), "false").exit_code == 1


def test_an_unknown_device_is_told_at_the_start(made: TestEngine) -> None:
    name = made.name()
    made.backend.create(made.spec(name, "true", devices=("example.com/device=none",)))
    with pytest.raises(BackendError, match="example.com/device=none"):
        made.backend.start(name)
    made.backend.remove(name)


def test_a_missing_bind_source_is_told(made: TestEngine) -> None:
    binds = (Bind(made.root / "nothing-here", "/w"),)
    with pytest.raises(BackendError, match="no such file"):
        name = made.name()
        made.backend.create(made.spec(name, "true", binds=binds))
        made.backend.start(name)


def test_another_instance_sees_nothing_of_ours(made: TestEngine) -> None:
    name = made.name()
    spec = made.spec(name, "sleep", "1000")
    made.backend.create(spec)
    other = PodmanBackend(made.root / "run" / "podman.sock", "0f0f0f")
    assert other.list() == []
    assert other.inspect(name) is None
    with pytest.raises(BackendError, match="not ours"):
        other.create(spec)
    made.backend.remove(name)


@pytest.mark.parametrize("image", ["", "..", "a/../../containers", "a//b", "/a"])
def test_an_image_name_can_not_climb(made: TestEngine, image: str) -> None:
    assert not made.backend.has_image(image)
    with pytest.raises(ImageNotFound):
        made.backend.image_digest(image)
    with pytest.raises(ImageNotFound):
        made.backend.pull(image, 5, lambda text: None)


def test_a_pull_that_fails_gives_the_reason(made: TestEngine) -> None:
    """What is said while one works stands in test_pulling.py, with a registry that answers."""
    with pytest.raises(BackendError, match="refused"):
        made.backend.pull("127.0.0.1:1/x:1", 30, lambda text: None)


def test_the_log_is_readable_by_root_only(made: TestEngine) -> None:
    name = made.name()
    made.run(name, "echo", "hello")
    assert made.output(name) == "hello"
    assert (made.root / f"{name}.log").stat().st_mode & 0o777 == 0o600


def test_a_dead_engine_is_unavailable_and_comes_back(made: TestEngine) -> None:
    socket = made.root / "run" / "podman.sock"
    assert socket.stat().st_mode & 0o777 == 0o600
    before = made.service.pid
    made.service.stop()
    with pytest.raises(Unavailable):
        made.backend.list()
    assert made.service.ensure()
    assert not made.service.ensure()
    assert made.service.pid not in (None, before)
    made.backend.list()


def test_nothing_of_its_network_stays_behind(made: TestEngine) -> None:
    """Neither when it ends by itself nor when it is removed while it runs."""
    network = NetworkSpec(f"net-{made.name()}", "apleftover", "10.207.79.0/24")
    made.networks.append(network.name)
    made.backend.ensure_network(network)
    before = set(Path("/run/netns").iterdir())
    ends, runs = made.name(), made.name()
    made.run(ends, "true", network=network.name)
    made.backend.create(made.spec(runs, "sleep", "1000", network=network.name))
    made.backend.start(runs)
    assert Path("/sys/class/net/apleftover").exists()
    made.backend.remove(runs)
    made.backend.remove(ends)
    assert set(Path("/run/netns").iterdir()) <= before
    assert not Path("/sys/class/net/apleftover").exists()
