"""Podman's API server as a child of the supervisor, and the configuration that this host can do."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance.errors import Unavailable
from appliance.paths import Paths
from appliance.runtime.backend import BackendError
from appliance.runtime.podman_api import Engine

_CAP_SYS_RESOURCE = 24
_POLL_S = 0.05
_NETNS = Path("/run/netns")


@dataclass(frozen=True)
class Host:
    """What decides the engine's configuration. ulimits: "soft:hard", only where needed."""

    cgroup_version: int
    systemd: bool
    runtime: str
    ulimits: Mapping[str, str] = field(default_factory=dict)


def detect() -> Host:
    """Look at this machine. Not blocking."""
    version = 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1
    pids = int(Path("/proc/sys/kernel/pid_max").read_text())
    limits = {
        "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        # Podman lowers its own limit to the number of pids, and can't raise it again either.
        "nproc": min(resource.getrlimit(resource.RLIMIT_NPROC)[1], pids),
    }
    return Host(
        cgroup_version=version,
        systemd=Path("/run/systemd/system").is_dir(),
        runtime=pick_runtime(version, shutil.which("crun") is not None),
        ulimits=needed_ulimits(Path("/proc/self/status").read_text(), limits),
    )


def pick_runtime(cgroup_version: int, has_crun: bool) -> str:
    """crun starts faster, but refuses hybrid cgroup v1."""
    return "crun" if cgroup_version == 2 and has_crun else "runc"


def needed_ulimits(proc_status: str, hard: Mapping[str, int]) -> dict[str, str]:
    """Podman's defaults raise limits; without CAP_SYS_RESOURCE name those that we have."""
    line = next(line for line in proc_status.splitlines() if line.startswith("CapEff:"))
    if int(line.split()[1], 16) >> _CAP_SYS_RESOURCE & 1:
        return {}
    return {name: f"{value}:{value}" for name, value in hard.items() if value > 0}


def containers_conf_text(host: Host, networks: Path) -> str:
    """The whole file. Only paths of our own go into it, so quoting needs no more than quotes."""
    ulimits = ", ".join(f'"{name}={value}"' for name, value in host.ulimits.items())
    lines = [
        "[containers]",
        *([f"default_ulimits = [{ulimits}]"] if ulimits else []),
        "[engine]",
        f'runtime = "{host.runtime}"',
        f'cgroup_manager = "{"systemd" if host.systemd else "cgroupfs"}"',
        'events_logger = "file"',
        "[network]",
        'network_backend = "netavark"',
        f'network_config_dir = "{networks}"',
    ]
    return "\n".join(lines) + "\n"


def write_containers_conf(paths: Paths, host: Host) -> None:
    """Write it atomically; it holds for the next start of the service."""
    paths.networks.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = paths.containers_conf.with_suffix(".part")
    part.write_text(containers_conf_text(host, paths.networks))
    part.replace(paths.containers_conf)


def ensure_shared_netns() -> None:
    """Make /run/netns a shared mount, as `ip netns` does; without systemd nobody else may have.

    The process that cleans up after a container in a user namespace looks from a mount namespace of
    its own, which must see the network namespace that was mounted later, else bridge, address and
    name of the container stay behind.
    """
    _NETNS.mkdir(mode=0o755, exist_ok=True)
    found = _mount_tool("findmnt", "-n", "-o", "PROPAGATION", "--target", str(_NETNS))
    if "shared" not in found:
        _mount_tool("mount", "--rbind", str(_NETNS), str(_NETNS))
        _mount_tool("mount", "--make-rshared", str(_NETNS))


def _mount_tool(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=15, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{argv[0]} failed: {error}", hint="see `appliance doctor`") from error
    return done.stdout


def engine_env(containers_conf: Path) -> dict[str, str]:
    """The environment in which this host's podman command sees our containers' configuration."""
    # With it Podman would tell systemd that it is the service's main process.
    kept = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    return {**kept, "CONTAINERS_CONF": str(containers_conf)}


def service_argv(socket: Path) -> list[str]:
    """The server in the foreground; it dies with the thread that started it."""
    # Its warnings are one a call: connections that are simply closed.
    serve = ["podman", "--log-level=error", "system", "service", "--time=0", f"unix://{socket}"]
    return ["setpriv", "--pdeathsig", "KILL", *serve]


class PodmanService:
    """One server on one socket. Containers do not depend on it: they live on when it dies.

    Call it from one thread that lives as long as the process, the main one best: the kernel ends
    the server together with the thread that started it. log: gets what the server says, appended.
    """

    def __init__(self, socket: Path, containers_conf: Path, log: Path) -> None:
        self._socket = socket
        self._engine = Engine(socket)
        self._conf = containers_conf
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def ensure(self, timeout_s: float = 20) -> bool:
        """Start it unless it answers; True if started now. Unavailable if it won't come up."""
        if self.pid is not None and self._answers():
            return False
        self.stop()
        self._spawn()
        ends = time.monotonic() + timeout_s
        while time.monotonic() < ends:
            if self.pid is None:
                break
            if self._answers():
                self._socket.chmod(0o600)
                return True
            time.sleep(_POLL_S)
        self.stop()
        raise Unavailable(
            "the container engine does not start", hint=f"its own words are in {self._log}"
        )

    def stop(self) -> None:
        """End the server, not the containers. Blocks for 5 seconds at most."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)

    def _spawn(self) -> None:
        ensure_shared_netns()
        self._socket.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                service_argv(self._socket),
                env=engine_env(self._conf),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is for us to handle
            )

    def _answers(self) -> bool:
        try:
            # 1 ms. Not _ping, which answers no JSON, nor version, which runs programs for 300 ms.
            self._engine.find("containers/none/exists")
            return True
        except (BackendError, Unavailable):
            return False
