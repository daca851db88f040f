"""`appliance install`: the processes of `appliance up` as units of systemd, from the templates in `systemd/`."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.config import Config
from appliance.errors import Conflict, Invalid, Unavailable
from appliance.runtime import proxy, up
from appliance.runtime.foreground import Process
from appliance.runtime.layout import Place, ensure_directory, places
from appliance.runtime.templates import fill
from appliance.runtime.up import Options, Parts, Steps

TARGET = "appliance.target"
UNITS = Path("/etc/systemd/system")
USERS = Path("/etc/sysusers.d/appliance.conf")
START_TIMEOUT_S = 300.0

_JOURNAL = "see journalctl -b -u 'appliance-*'"
# What ProtectHome and PrivateTmp hide from services.
_HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))


def install(options: Options, parts: Parts, program: Path, templates: Path) -> None:
    """Prepare everything as `up` does, write and enable the units, start them and wait for an answer.

    Repeatable, with the services stopped. Blocks for minutes at the first time. Conflict if the
    appliance runs already; Unavailable if this host lacks something or the services don't answer.
    """
    check_places([options.data, program])
    steps = Steps.from_environment()
    lock, config, credentials = up.prepare(options, parts, steps)
    with steps.step("units"):
        make_users(config, templates)
        write_units(config, up.processes(config, program, os.environ), templates, UNITS)
        _run("systemctl", "daemon-reload")
        _run("systemctl", "enable", "--quiet", TARGET)
    os.close(lock)
    with steps.step("services"):
        _run("systemctl", "start", TARGET)
        if not up.wait_ready(config, lambda: True, up.READY_TIMEOUT_S):
            raise Unavailable(f"{config.base_url} does not answer", hint=_JOURNAL)
    print(up.ready_line(config, credentials), flush=True)


def check_places(paths: Sequence[Path]) -> None:
    """Invalid for a directory that a unit file can't name or that services would not see."""
    for path in paths:
        if not proxy.PLAIN_PATH.fullmatch(str(path)):
            raise Invalid(f"{path} is not a plain path", hint="use letters, digits and ._/@+-")
        hidden = [root for root in _HIDDEN if path.resolve().is_relative_to(root)]
        if hidden:
            raise Invalid(
                f"services do not see what is below {hidden[0]}: {path}",
                hint="choose a directory below /var/lib, /srv or /opt",
            )


def make_users(config: Config, templates: Path) -> None:
    """Give the ids of services names, without which systemd runs nothing under them. Conflict if one is another's."""
    USERS.parent.mkdir(mode=0o755, exist_ok=True)
    _write(USERS, users_text(config, templates), 0o644)
    _run("systemd-sysusers", str(USERS))
    for name, uid in _users(config).items():
        found = pwd.getpwnam(name).pw_uid
        if found != uid:
            raise Conflict(
                f"the user {name} has the id {found}, not {uid}", hint=f"remove it: userdel {name}"
            )


def users_text(config: Config, templates: Path) -> str:
    """What systemd-sysusers is told."""
    return fill(templates / "sysusers.conf", users=_users(config))


def _users(config: Config) -> dict[str, int]:
    return {"appliance-web": config.web_uid, "appliance-proxy": config.proxy_uid}


def write_units(
    config: Config, processes: Sequence[Process], templates: Path, units: Path
) -> list[Path]:
    """Render target and services into the folder `units`; returns the files, the target first.

    The environment, which may hold a proxy's password, goes to files that only root reads.
    """
    ensure_directory(Place(config.paths.service_env, 0, 0, 0o700))
    texts = {TARGET: fill(templates / TARGET)}
    for process in processes:
        _write(_env_file(config, process), _env_text(process.env), 0o600)
        name = f"appliance-{process.name}.service"
        texts[name] = fill(templates / name, **_values(config, process))
    for name, text in texts.items():
        _write(units / name, text, 0o644)
    return [units / name for name in texts]


def _values(config: Config, process: Process) -> dict[str, Any]:
    return {
        "capabilities": " ".join(f"CAP_{cap.upper()}" for cap in process.caps),
        "command": " ".join(process.argv),
        "data": config.data,
        "environment": _env_file(config, process),
        "gid": process.gid,
        "groups": process.groups,
        "lock": config.paths.lock,
        "open_files": proxy.OPEN_FILES,
        "uid": process.uid,
        "writable": writable(config, process.uid),
    }


def writable(config: Config, uid: int) -> list[Path]:
    """The directories that are made for a service's id to write to."""
    made = [
        place.path
        for place in places(config)
        if place.uid == uid or (place.gid == uid and place.mode & stat.S_IWGRP)
    ]
    return [config.paths.nginx] if uid == config.proxy_uid else made


def _env_file(config: Config, process: Process) -> Path:
    return config.paths.service_env / process.name


def _env_text(env: dict[str, str]) -> str:
    """As EnvironmentFile= reads it: inside double quotes only these two are special."""
    lines = []
    for name, value in env.items():
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{name}="{quoted}"\n')
    return "".join(lines)


def _write(target: Path, text: str, mode: int) -> None:
    part = target.with_name(f".{target.name}.part")
    with open(part, "w", opener=lambda path, flags: os.open(path, flags, mode)) as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    part.replace(target)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]} can't be run: {error}") from error
    if done.returncode:
        words = done.stderr.strip()[-500:]
        raise Unavailable(f"{' '.join(command)} failed: {words}", hint=_JOURNAL)
