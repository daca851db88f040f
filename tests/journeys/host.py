"""What an instance has on the host, seen from outside: processes, containers, mounts, networks; and what its rows say."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.config import UIDS_PER_SLOT, Config
from appliance.runtime import netns

AARDVARK = Path("/run/containers/networks/aardvark-dns")


@dataclass(frozen=True)
class Seen:
    """A process. command: its argv joined by blanks."""

    pid: int
    uid: int
    command: str
    cgroups: str


def run(*argv: str) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def rows(config: Config, sql: str, *params: object) -> list[dict[str, Any]]:
    """A query on the instance's database."""
    with closing(sqlite3.connect(config.paths.database, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(item) for item in connection.execute(sql, params)]


def processes(config: Config) -> list[Seen]:
    """All that run under the instance's uids or name its data directory; scripts/up and its likes are the caller's."""
    uids = range(config.uid_base, config.uid_base + UIDS_PER_SLOT)
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            command = command_of(int(directory.name))
            uid, cgroups = directory.stat().st_uid, (directory / "cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if command and (uid in uids or f"{config.data}/" in command):
            found.append(Seen(int(directory.name), uid, command, cgroups))
    return found


def command_of(pid: int) -> str:
    """The argv of a process, "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def podman_service(config: Config) -> int:
    """The process id of the engine's server, 0 while there is none."""
    ours = f"unix://{config.paths.podman_socket}"
    found = [p.pid for p in processes(config) if is_engine(p.command) and ours in p.command]
    return found[0] if found else 0


def is_engine(command: str) -> bool:
    """Whether this is the engine's server."""
    return command.startswith("podman ") and " system service " in command


def containers(config: Config) -> dict[str, dict[str, Any]]:
    """Containers of the instance by the id of their workload."""
    label = f"label=appliance.instance={config.instance}"
    listed = json.loads(run("podman", "ps", "--all", "--filter", label, "--format", "json"))
    return {item["Labels"]["appliance.workload"]: item for item in listed}


def container_id(config: Config, workload: str) -> str:
    """Changes when the container is another one."""
    found: str = containers(config)[workload]["Id"]
    return found


def bridges(config: Config) -> dict[str, list[str]]:
    """The bridges of the instance, each with its containers' ports."""
    links = json.loads(run("ip", "-json", "link", "show"))
    names = [link["ifname"] for link in links if link["ifname"].startswith(f"ap{config.instance}t")]
    return {
        name: [
            link["ifname"]
            for link in links
            if link.get("master") == name and link["ifname"].startswith("veth")
        ]
        for name in names
    }


def orphan_namespaces(config: Config) -> list[str]:
    """Network namespaces that have an address of the instance and no process in them."""
    return netns.orphans(config)


def mounts(config: Config) -> list[str]:
    """Mount points below the data directory."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split(" ")[4] for line in lines]
    return [point for point in points if point.startswith(f"{config.data}/")]


def leftovers(config: Config) -> list[str]:
    """Everything on the host that still belongs to an instance: empty after `scripts/up --stop`."""
    found = [
        f"process {p.pid}: {p.command[:100]}" for p in processes(config) if p.pid != os.getpid()
    ]
    found += [f"container {name}" for name in containers(config)]
    found += [f"mount {point}" for point in mounts(config)]
    found += [f"bridge {name} with {ports}" for name, ports in bridges(config).items()]
    names = run("podman", "network", "ls", "--quiet").split()
    found += [f"network {name}" for name in names if config.instance in name]
    found += [f"network namespace {name}" for name in orphan_namespaces(config)]
    found += [f"names {path}" for path in AARDVARK.glob(f"*{config.instance}*")]
    if f"appliance_{config.instance}" in run("nft", "list", "tables"):
        found.append("firewall")
    if f"{config.api_address}/" in run("ip", "-oneline", "address", "show", "dev", "lo"):
        found.append("address on lo")
    subnet = str(config.pool[0]).rsplit(".", 2)[0] + "."
    found += [f"rule {rule}" for rule in run("iptables-save").splitlines() if f" {subnet}" in rule]
    return found


def until(what: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """The first answer that is true; fails with the last one."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"still {answer!r}"
        time.sleep(0.05)


def until_empty(what: Callable[[], list[str]], timeout_s: float = 60.0) -> None:
    """Until nothing is found any more; fails with what is left."""
    deadline = time.monotonic() + timeout_s
    while found := what():
        assert time.monotonic() < deadline, "\n".join(found)
        time.sleep(0.2)
