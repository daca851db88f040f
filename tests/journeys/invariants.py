"""What must hold of an instance at rest, whatever happened to it: rows, containers, host and events tell one story."""

from __future__ import annotations

import json
import re

from appliance.config import Config
from appliance.runtime import states
from tests.journeys import host

CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
LIVE = "SELECT * FROM workloads WHERE ended_ms IS NULL"


def broken(config: Config) -> list[str]:
    """Everything that is not as it must be."""
    return [
        *_rows_and_containers(config),
        *_leases_and_routes(config),
        *_processes(config),
        *_network(config),
        *_files(config),
        *wrong_steps(config),
    ]


def _rows_and_containers(config: Config) -> list[str]:
    there = host.containers(config)
    live = {item["id"]: item for item in host.rows(config, LIVE) if item["state"] != "pending"}
    found = [f"{name} has a container and no live row" for name in there.keys() - live.keys()]
    found += [
        f"{name} is {live[name]['state']} without a container"
        for name in live.keys() - there.keys()
    ]
    return found


def _leases_and_routes(config: Config) -> list[str]:
    live = host.rows(config, LIVE)
    holding = {item["id"] for item in live if item["state"] != "pending"}
    running = {item["id"] for item in live if item["state"] == "running"}
    leases = {item["workload_id"] for item in host.rows(config, "SELECT * FROM leases")}
    routes = {item["workload_id"] for item in host.rows(config, "SELECT * FROM routes")}
    found = [f"lease and row differ: {name}" for name in leases ^ holding]
    return found + [f"route and running row differ: {name}" for name in routes ^ running]


def _processes(config: Config) -> list[str]:
    ids = {item["Id"] for item in host.containers(config).values()}
    found, conmons = [], []
    for process in host.processes(config):
        if "conmon" in process.command.split(" ")[0]:
            conmons.append(process.command)
        elif process.uid >= config.team_uid(1) and not ids & set(
            CONTAINER_ID.findall(process.cgroups)
        ):
            found.append(f"process {process.pid} of no container: {process.command[:100]}")
    if len(conmons) != len(ids):
        found.append(f"{len(conmons)} conmon for {len(ids)} containers")
    commands = [process.command for process in host.processes(config)]
    servers = {
        "nginx": sum(command.startswith("nginx: master") for command in commands),
        "podman": sum(map(host.is_engine, commands)),
    }
    found += [f"{count} servers of {name}" for name, count in servers.items() if count != 1]
    return found


def _network(config: Config) -> list[str]:
    there = host.containers(config)
    ports = [port for bridge in host.bridges(config).values() for port in bridge]
    names = [f"{name} ({item['State']})" for name, item in there.items()]
    found = [] if len(ports) == len(there) else [f"{ports} for {sorted(names)}"]
    return found + [f"network namespace {name}" for name in host.orphan_namespaces(config)]


def _files(config: Config) -> list[str]:
    paths = config.paths
    live = {item["id"] for item in host.rows(config, LIVE) if item["state"] != "pending"}
    deleted = [
        item["id"]
        for item in host.rows(config, "SELECT id FROM notebooks WHERE deleted_ms IS NOT NULL")
    ]
    found = [
        f"socket directory {path.name}" for path in paths.sockets.iterdir() if path.name not in live
    ]
    found += [
        f"mount {point}" for point in host.mounts(config) if point.rpartition("/")[2] not in live
    ]
    found += [f"files of deleted {name}" for name in deleted if (paths.notebooks / name).exists()]
    for name in deleted:
        for item in host.rows(config, "SELECT id FROM workloads WHERE owner_id = ?", name):
            found += [f"log of deleted {name}"] if (paths.logs / item["id"]).exists() else []
    ended = host.rows(config, "SELECT id FROM workloads WHERE ended_ms IS NOT NULL")
    found += [f"raw log of {i['id']}" for i in ended if (paths.logs / i["id"] / "raw.log").exists()]
    return found


def wrong_steps(config: Config) -> list[str]:
    """Events of workloads in which a state follows that may not; the same one again only tells what it does."""
    found, at = [], dict[str, str]()
    for event in host.rows(config, "SELECT * FROM events ORDER BY id"):
        workload, state = json.loads(event["data"]).get("workload"), event["name"].partition(".")[2]
        if workload is None or state not in states.LIVE | states.ENDED:
            continue  # of a workload too, but no state: its log is complete
        before = at.get(workload)
        first = before is None and state == "pending"
        if not (first or before == state in states.LIVE or states.may_follow(before or "", state)):
            found.append(f"{workload}: {before} -> {state}")
        at[workload] = state
    last = {
        item["id"]: item["state"] for item in host.rows(config, "SELECT id, state FROM workloads")
    }
    return found + [
        f"{name} is {last[name]}, told as {at.get(name)}"
        for name in last
        if last[name] != at.get(name)
    ]
