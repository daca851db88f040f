"""Between our words and Podman's: pure translation of what goes in and what comes out."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.config import UIDS_PER_TEAM
from appliance.runtime.backend import (
    Bind,
    Container,
    ContainerSpec,
    ContainerState,
    LocalImage,
    NetworkSpec,
    PullLogin,
)

INSTANCE_LABEL = "appliance.instance"

_CPU_PERIOD_US = 100_000
_OOM_SCORE_ADJ = 100
_STATES: dict[str, ContainerState] = {
    "created": "created",
    "configured": "created",
    "initialized": "created",
    "running": "running",
    "paused": "running",
    "stopping": "running",
}  # every other word of Podman's means that it ended


def specgen(spec: ContainerSpec, instance: str) -> dict[str, Any]:
    """The body of POST containers/create.

    An image's ENTRYPOINT stays unless another is given; the command takes the place of its CMD. Podman's
    default capabilities hold, inside the user namespace only, but for one.
    """
    return {
        "name": spec.name,
        "image": spec.image,
        "command": list(spec.command),
        **({"entrypoint": list(spec.entrypoint)} if spec.entrypoint else {}),
        "env": dict(spec.env),
        "labels": {**spec.labels, INSTANCE_LABEL: instance},
        "mounts": [_mount(bind) for bind in spec.binds],
        "devices": [{"path": name} for name in spec.devices],
        "hostadd": [f"{name}:{address}" for name, address in spec.hosts.items()],
        "work_dir": spec.workdir,
        "create_working_dir": True,
        "stop_timeout": spec.stop_timeout_s,
        "log_configuration": {"driver": "k8s-file", "path": str(spec.log_path)},
        **_isolation(spec),
        **_limits(spec),
        **_network(spec.network),
    }


def auth_header(login: PullLogin | None) -> dict[str, str]:
    """How the engine is told a registry's password: in a header, which no process list shows."""
    if login is None:
        return {}
    text = json.dumps({"username": login.username, "password": login.password})
    return {"X-Registry-Auth": base64.urlsafe_b64encode(text.encode()).decode()}


def _mount(bind: Bind) -> dict[str, Any]:
    mode = "ro" if bind.read_only else "rw"
    # Not rbind: a mount below the source is never the container's business.
    options = ["bind", mode, "nosuid", "nodev", "rprivate"]
    return {
        "type": "bind",
        "source": str(bind.source),
        "destination": bind.target,
        "options": options,
    }


def _isolation(spec: ContainerSpec) -> dict[str, Any]:
    ids = [{"container_id": 0, "host_id": spec.uid_start, "size": UIDS_PER_TEAM}]
    return {
        # Always an explicit map: Podman 4.3.1 accepts "auto" and makes no user namespace at all.
        "userns": {"nsmode": "private"},
        "idmappings": {
            "HostUIDMapping": False,
            "HostGIDMapping": False,
            "UIDMap": ids,
            "GIDMap": ids,
        },
        "cgroupns": {"nsmode": "private"},
        # Raw packets would let a workload speak in a teammate's name on their bridge; ping works without.
        "cap_drop": ["CAP_NET_RAW"],
        "no_new_privileges": True,
        "init": True,
        "terminal": False,
        "stdin": False,
        "systemd": "false",
        "httpproxy": False,  # the environment is decided by the caller, all of it
        "healthconfig": {"Test": ["NONE"]},  # an image's health check would need timers of systemd
    }


def _limits(spec: ContainerSpec) -> dict[str, Any]:
    memory = spec.memory_mib << 20
    return {
        # Whoever starts us: when the host's memory runs out, a workload goes before any service.
        "oom_score_adj": _OOM_SCORE_ADJ,
        "shm_size": spec.shm_mib << 20,
        "resource_limits": {
            # "swap" counts memory and swap together: the same number means no swap.
            "memory": {"limit": memory, "swap": memory},
            "cpu": {"quota": spec.cpu_milli * _CPU_PERIOD_US // 1000, "period": _CPU_PERIOD_US},
            "pids": {"limit": spec.pids},
        },
    }


def _network(name: str) -> dict[str, Any]:
    if not name:
        return {"netns": {"nsmode": "none"}}
    return {"netns": {"nsmode": "bridge"}, "Networks": {name: {}}}


def network_body(network: NetworkSpec, gateway: str, instance: str) -> dict[str, Any]:
    """The body of POST networks/create: IPv4 only, names of teammates resolve."""
    return {
        "name": network.name,
        "driver": "bridge",
        "network_interface": network.interface,
        "subnets": [{"subnet": network.subnet, "gateway": gateway}],
        "ipv6_enabled": False,
        "dns_enabled": True,
        "labels": {INSTANCE_LABEL: instance},
        "options": {"isolate": "true"},
    }


def from_list(item: Mapping[str, Any]) -> Container:
    """A container from an element of GET containers/json (times in seconds)."""
    state = _STATES.get(item["State"], "exited")
    return Container(
        name=item["Names"][0],
        state=state,
        labels=item.get("Labels") or {},
        pid=item.get("Pid", 0) if state == "running" else 0,
        exit_code=item.get("ExitCode") if state == "exited" else None,
        started_ms=_seconds(item.get("StartedAt", 0)),
        finished_ms=_seconds(item.get("ExitedAt", 0)) if state == "exited" else None,
    )


def from_image(item: Mapping[str, Any], used: bool) -> LocalImage:
    """An image from an element of GET images/json."""
    refs = tuple(sorted(item.get("RepoTags") or ()))
    return LocalImage(item["Id"], refs, item["Size"], item["Created"] * 1000, used)


def from_inspect(item: Mapping[str, Any]) -> Container:
    """A container from GET containers/NAME/json (times in ISO 8601)."""
    now = item["State"]
    state = _STATES.get(now["Status"], "exited")
    return Container(
        name=item["Name"],
        state=state,
        labels=item["Config"].get("Labels") or {},
        pid=now["Pid"] if state == "running" else 0,
        exit_code=now["ExitCode"] if state == "exited" else None,
        started_ms=_iso_ms(now["StartedAt"]),
        finished_ms=_iso_ms(now["FinishedAt"]) if state == "exited" else None,
        oom_killed=bool(now["OOMKilled"]),
    )


def _seconds(value: int) -> int | None:
    return value * 1000 if value > 0 else None  # "never" is the year 1, a negative number


def _iso_ms(text: str) -> int | None:
    moment = datetime.fromisoformat(text)
    return round(moment.timestamp() * 1000) if moment.year > 1970 else None
