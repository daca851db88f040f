"""From a checked spec to what the backend is told: directories made, mounts resolved, variables filled in."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.config import Config
from appliance.crypto import Keys
from appliance.errors import Refused
from appliance.identity import Team
from appliance.ids import is_id
from appliance.runtime import envfile, network, slots, socketdir
from appliance.runtime.backend import Bind, ContainerSpec, ImageConfig
from appliance.runtime.hostenv import CONTAINER_CA_BUNDLE, HostEnv
from appliance.runtime.spec import Mount, WorkloadSpec
from appliance.runtime.tokens import workload_token
from appliance.runtime.workloads import Workload

SOCKET_DIR = "/run/gateway"


@dataclass(frozen=True)
class Places:
    """Knows this host's directories and names. Its methods create what is missing and may be repeated."""

    config: Config
    keys: Keys
    hostenv: HostEnv

    def container_name(self, workload_id: str) -> str:
        """The name that makes a second start impossible."""
        return f"appliance-{self.config.instance}-{checked(workload_id)}"

    def socket_dir(self, workload_id: str) -> Path:
        return self.config.paths.sockets / checked(workload_id)

    def log_dir(self, workload_id: str) -> Path:
        return self.config.paths.logs / checked(workload_id)

    def raw_log(self, workload_id: str) -> Path:
        return self.log_dir(workload_id) / "raw.log"

    def upstream(self, workload: Workload, slot: int | None) -> str:
        """What nginx's proxy_pass takes: the group that keeps connections, or the socket itself."""
        route = workload.final.route
        if slot is not None:
            return slots.upstream(slot)
        return f"unix:{self.socket_dir(workload.id)}/{route.socket}:" if route else ""

    def container_spec(
        self,
        workload: Workload,
        team: Team,
        secret_env: Mapping[str, str],
        image: Callable[[], ImageConfig],
    ) -> ContainerSpec:
        """Make directories and files and say what to run; the spec has passed the guard.

        image: what its image runs by itself, asked only for a workload with secrets.
        """
        spec = workload.final
        uid = self.config.team_uid(team.slot)
        socketdir.ensure(self.socket_dir(workload.id), uid)
        self._make_log_dir(workload.id)
        binds = [self._bind(mount, uid) for mount in spec.mounts]
        binds.append(Bind(self.socket_dir(workload.id), SOCKET_DIR))
        if self.hostenv.ca_bundle is not None:
            binds.append(Bind(self.hostenv.ca_bundle, CONTAINER_CA_BUNDLE, read_only=True))
        ours, entrypoint = self._ours(workload), tuple[str, ...]()
        command = tuple(self._fill(text, spec) for text in spec.command)
        if secret_env:
            hidden = {name: text for name, text in secret_env.items() if name not in ours}
            binds += envfile.put(self.config.paths.env, workload.id, hidden)
            entrypoint, command = envfile.ENTRYPOINT, _own_argv(image(), command)
        return ContainerSpec(
            name=self.container_name(workload.id),
            image=spec.image,
            entrypoint=entrypoint,
            command=command,
            env={**self.hostenv.env, **self._given(spec), **ours},
            labels={"appliance.workload": workload.id, "appliance.kind": workload.kind},
            binds=tuple(binds),
            workdir=spec.workdir,
            uid_start=uid,
            network=network.team_network(self.config, team.slot).name,
            log_path=self.raw_log(workload.id),
            cpu_milli=spec.resources.cpu_milli,
            memory_mib=spec.resources.memory_mib,
            shm_mib=spec.resources.shm_mib,
            pids=spec.resources.pids,
            stop_timeout_s=spec.stop_timeout_s,
            hosts={"appliance": self.config.api_address},
        )

    def _make_log_dir(self, workload_id: str) -> None:
        log_dir = self.log_dir(workload_id)
        log_dir.mkdir(mode=0o750, exist_ok=True)
        os.chown(log_dir, 0, self.config.web_uid)

    def _ours(self, workload: Workload) -> dict[str, str]:
        """What the appliance sets; nothing that was asked for replaces it."""
        token = workload_token(self.keys, workload.id)
        url = f"http://{self.config.api_address}:{self.config.api_port}"
        return {
            "APPLIANCE_URL": url.removesuffix(":80"),
            "APPLIANCE_API_KEY": token,
            "PAPERSPACE_API_KEY": token,
            "PS_API_KEY": token,
            "PROJECT_ID": workload.project_id,
        }

    def _given(self, spec: WorkloadSpec) -> dict[str, str]:
        return {name: self._fill(value, spec) for name, value in spec.env.items()}

    def _fill(self, text: str, spec: WorkloadSpec) -> str:
        socket = f"{SOCKET_DIR}/{spec.route.socket}" if spec.route else ""
        return text.replace("${SOCKET}", socket)

    def _bind(self, mount: Mount, uid: int) -> Bind:
        path = self.config.paths.area(mount.area) / mount.name
        ensure_team_dir(path, uid)
        return Bind(path, mount.target, mount.read_only)


def _own_argv(image: ImageConfig, command: tuple[str, ...]) -> tuple[str, ...]:
    """What the engine would run: the wrapper has to be told."""
    argv = (*image.entrypoint, *(command or image.command))
    if not argv:
        raise Refused("the image has no program of its own", hint="give a command")
    return argv


def checked(workload_id: str) -> str:
    """The id, if it can be a part of a path: unprivileged processes can write the table that it comes from."""
    if not is_id(workload_id):
        raise Refused("a workload's id is malformed")
    return workload_id


def ensure_team_dir(path: Path, uid: int) -> None:
    """A directory that belongs to container root of a team, mode 0700. Refused when something else is there.

    Its parent belongs to root, so nobody can swap it between the look and the use.
    """
    try:
        path.mkdir(mode=0o700)
        os.chown(path, uid, uid)
    except FileExistsError:
        pass
    found = path.lstat()
    if found.st_uid == 0 and stat.S_ISDIR(found.st_mode):
        os.chown(path, uid, uid)  # killed between mkdir and chown
    elif not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
        raise Refused(f"{path} is not a directory of this team")
