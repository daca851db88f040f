"""Whether this host can carry the appliance: small checks, each with its cure."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.config import Config
from appliance.runtime.ports import blocking_listener, listeners

KERNEL = (5, 19)
PODMAN = (4, 3)
LONGEST_DATA_DIR = 60  # unix sockets below it end at 107 bytes
GIB = 1 << 30
FREE_BYTES_NEEDED = 4 * GIB
FREE_BYTES_WANTED = 20 * GIB
FREE_INODES_WANTED = 200_000
MEMORY_WANTED_BYTES = 4 * GIB
PROGRAMS = {
    "podman": "podman",
    "conmon": "conmon",
    "netavark": "netavark",
    "aardvark-dns": "aardvark-dns",
    "catatonit": "catatonit",
    "busybox": "busybox-static",
    "iptables": "iptables",
    "nft": "nftables",
    "ip": "iproute2",
    "ss": "iproute2",
    "nginx": "nginx-light",
    "git": "git",
    "mmdebstrap": "mmdebstrap",
    "setpriv": "util-linux",
}
_PROGRAM_DIRS = os.pathsep.join(
    (
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
        "/usr/lib/podman",
    )
)
_TIMEOUT_S = 20
_TIME_ERROR = 5  # adjtimex(2): the kernel's clock is not synchronised


@dataclass(frozen=True)
class Check:
    """One answer. essential: the appliance must not start without it. cure: "" when all is well."""

    name: str
    ok: bool
    essential: bool
    detail: str
    cure: str = ""


Answer = tuple[bool, str]


def checks(config: Config) -> list[Check]:
    """All checks of this host for this configuration. Takes a second or two."""
    return [_check(config, *row) for row in _CHECKS]


def unprivileged_checks(config: Config) -> list[Check]:
    """Those that mean the same without root's rights. Takes a second or two."""
    return [_check(config, *row) for row in _CHECKS if row[0] in _FOR_ANYBODY]


def failed(results: Sequence[Check]) -> list[Check]:
    """The essential ones that say no."""
    return [check for check in results if check.essential and not check.ok]


def _check(
    config: Config, name: str, essential: bool, look: Callable[[Config], Answer], cure: str
) -> Check:
    try:
        ok, detail = look(config)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        ok, detail = False, str(error)
    return Check(name, ok, essential, detail, "" if ok else cure)


def _run(*command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Exit code and output, both streams together. OSError if there is no such program."""
    return subprocess.run(
        command,
        input=text or "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


def _works(*command: str, text: str | None = None) -> Answer:
    result = _run(*command, text=text)
    return result.returncode == 0, "works" if result.returncode == 0 else result.stdout.strip()


def _version(text: str) -> tuple[int, int]:
    """The first `number.number` in a text; ValueError if there is none."""
    found = re.search(r"(\d+)\.(\d+)", text)
    if not found:
        raise ValueError(f"no version in {text[:80]!r}")
    return int(found[1]), int(found[2])


def _root(config: Config) -> Answer:
    return os.geteuid() == 0, f"uid {os.geteuid()}"


def _programs(config: Config) -> Answer:
    missing = [name for name in PROGRAMS if not shutil.which(name, path=_PROGRAM_DIRS)]
    packages = " ".join(sorted({PROGRAMS[name] for name in missing}))
    return not missing, f"not installed: {packages}" if missing else "all installed"


def _kernel(config: Config) -> Answer:
    release = os.uname().release
    return _version(release) >= KERNEL, release


def _overlay(config: Config) -> Answer:
    if "\toverlay\n" in Path("/proc/filesystems").read_text(encoding="ascii"):
        return True, "available"
    return _works("modprobe", "--dry-run", "overlay")


def _namespaces(config: Config) -> Answer:
    return _works("unshare", "--user", "--map-root-user", "true")


def _nosymfollow(config: Config) -> Answer:
    mount = ("mount", "-t", "tmpfs", "-o", "nosymfollow,size=64k", "none", "/mnt")
    return _works("unshare", "--mount", *mount)


def _cgroups(config: Config) -> Answer:
    root = Path("/sys/fs/cgroup")
    unified = root / "cgroup.controllers"
    if unified.is_file():
        version, there = 2, set(unified.read_text(encoding="ascii").split())
    else:
        version, there = 1, {path.name for path in root.iterdir()}
    missing = sorted({"cpu", "memory", "pids"} - there)
    detail = f"version {version}" + (f", without {', '.join(missing)}" if missing else "")
    return not missing, detail


def _nft(config: Config) -> Answer:
    return _works(
        "nft",
        "--check",
        "--file",
        "-",
        text=f"table inet appliance_{config.instance}_check {{ }}\n",
    )


def _podman(config: Config) -> Answer:
    text = _run("podman", "--version").stdout.strip()
    runtimes = [name for name in ("crun", "runc") if shutil.which(name, path=_PROGRAM_DIRS)]
    detail = f"{text} with {' and '.join(runtimes) or 'no runtime'}"
    return _version(text) >= PODMAN and bool(runtimes), detail


def _nginx(config: Config) -> Answer:
    text = _run("nginx", "-V").stdout
    has_module = "http_auth_request_module" in text
    return has_module, text.splitlines()[0] + ("" if has_module else ", without auth_request")


def _one_file_system(config: Config) -> Answer:
    paths = config.paths
    areas = [
        paths.notebooks,
        paths.storage,
        paths.work,
        paths.root / "objects",
        paths.root / "trees",
    ]
    there = [path for path in areas if path.is_dir()]
    devices = {path.stat().st_dev for path in there}
    names = ", ".join(path.name for path in there)
    return len(devices) <= 1, f"{names or 'none yet'}: {len(devices)} file systems"


def _data_dir(config: Config) -> Answer:
    root = config.paths.root
    if len(str(root)) >= LONGEST_DATA_DIR:
        return False, f"{root} has {len(str(root))} characters, the limit is {LONGEST_DATA_DIR - 1}"
    closed = [
        path for path in (root, *root.parents) if path.is_dir() and not path.stat().st_mode & 0o001
    ]
    return not closed, f"{closed[0]} lets no other users through" if closed else str(root)


def _ports(config: Config) -> Answer:
    wanted = {
        (config.host, config.port),
        (config.host, config.user_port),
        (config.api_address, config.api_port),
    }
    here = listeners()
    taken = []
    for address, port in sorted(wanted):
        other = blocking_listener(here, address, port)
        if other and other.uid != config.proxy_uid:  # that is our nginx
            taken.append(f"{address}:{port} is in use by uid {other.uid} on {other.address}")
    return not taken, "; ".join(taken) or ", ".join(
        f"{address}:{port}" for address, port in sorted(wanted)
    )


def _disk(needed_bytes: int, to_install: bool = False) -> Callable[[Config], Answer]:
    def look(config: Config) -> Answer:
        free, database = _file_system(config.paths.root), config.paths.database
        bytes_free = free.f_bavail * free.f_frsize
        # Once installed it has to start on a full disk, for else nobody could clean up.
        starts = to_install and database.is_file() and database.stat().st_size > 0
        return bytes_free >= needed_bytes or starts, f"{bytes_free / GIB:.1f} GiB free"

    return look


def _inodes(config: Config) -> Answer:
    state = _file_system(config.paths.root)
    # Some file systems, btrfs for one, have no fixed number and say 0.
    return (
        state.f_files == 0 or state.f_favail >= FREE_INODES_WANTED,
        f"{state.f_favail} inodes free",
    )


def _file_system(path: Path) -> os.statvfs_result:
    return os.statvfs(next(part for part in (path, *path.parents) if part.is_dir()))


def _memory(config: Config) -> Answer:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total >= MEMORY_WANTED_BYTES, f"{total / GIB:.1f} GiB"


def _gpu(config: Config) -> Answer:
    driver = Path("/proc/driver/nvidia/version")
    if not driver.is_file():
        return False, "no NVIDIA driver loaded"
    return True, driver.read_text(encoding="ascii", errors="replace").splitlines()[0]


def _clock(config: Config) -> Answer:
    timex = ctypes.create_string_buffer(512)  # struct timex with modes=0: only ask
    state = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    return 0 <= state < _TIME_ERROR, (
        "synchronised" if 0 <= state < _TIME_ERROR else "not synchronised"
    )


def _close_connections(config: Config) -> Answer:
    """Tried on a connection of our own, for `ss -K` reports success on kernels that ignore it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_TIMEOUT_S)
        with socket.create_connection(server.getsockname(), timeout=_TIMEOUT_S) as client:
            accepted, peer = server.accept()
            with accepted:
                _run("ss", "-K", "dst", "127.0.0.1", "dport", "=", str(peer[1]))
                try:
                    accepted.send(b"x")
                    client.recv(1)
                except ConnectionError:
                    return True, "ss -K works"
    return False, "the kernel does not support it (CONFIG_INET_DIAG_DESTROY)"


def _slot(config: Config) -> Answer:
    """Whether another instance has a firewall over the same addresses."""
    listed = json.loads(_run("nft", "--json", "list", "tables").stdout or "{}").get("nftables", [])
    names = [item["table"]["name"] for item in listed if "table" in item]
    for name in names:
        if re.fullmatch(r"appliance_[0-9a-f]{6}", name) and not name.endswith(config.instance):
            text = _run("nft", "list", "table", "inet", name).stdout
            if str(config.pool) in text or config.api_address in text:
                return False, f"{config.pool} is used by instance {name.removeprefix('appliance_')}"
    return True, str(config.pool)


_FOR_ANYBODY = frozenset(
    (
        "programs",
        "kernel",
        "overlay",
        "cgroups",
        "nginx",
        "data directory",
        "one file system",
        "disk",
    )
    + ("disk reserve", "inodes", "memory", "clock", "GPU driver")
)
_INSTALL = "Run scripts/up, or install the packages with apt-get."
_CHECKS: tuple[tuple[str, bool, Callable[[Config], Answer], str], ...] = (
    ("root", True, _root, "Run this as root: containers, mounts and the firewall need it."),
    ("programs", True, _programs, _INSTALL),
    (
        "kernel",
        True,
        _kernel,
        "Install Linux 5.19 or newer (Debian 12 has 6.1): layers are mapped per team.",
    ),
    ("overlay", True, _overlay, "Load the overlay module: modprobe overlay."),
    ("user namespaces", True, _namespaces, "Set sysctl user.max_user_namespaces above 0."),
    (
        "nosymfollow mounts",
        True,
        _nosymfollow,
        "Needs root, Linux 5.10 and util-linux 2.38 or newer.",
    ),
    (
        "cgroups",
        True,
        _cgroups,
        "Boot with systemd.unified_cgroup_hierarchy=1 cgroup_enable=memory.",
    ),
    ("firewall", True, _nft, "Install nftables, and load the module: modprobe nf_tables."),
    ("podman", True, _podman, "Install podman 4.3 or newer with crun or runc."),
    (
        "nginx",
        True,
        _nginx,
        "Install nginx-light or another nginx built with http_auth_request_module.",
    ),
    (
        "data directory",
        True,
        _data_dir,
        "Choose a short directory with --data, below ones that all may enter.",
    ),
    (
        "one file system",
        True,
        _one_file_system,
        "Keep notebooks, storage, work, objects and trees on one disk.",
    ),
    (
        "ports",
        True,
        _ports,
        "Stop the other program (systemctl disable --now nginx?) or choose --port.",
    ),
    (
        "addresses",
        True,
        _slot,
        "Stop one instance and give it another slot (0 to 15) in its config.toml.",
    ),
    (
        "disk",
        True,
        _disk(FREE_BYTES_NEEDED, to_install=True),
        "Free some disk space: images alone take 2 GiB.",
    ),
    (
        "disk reserve",
        False,
        _disk(FREE_BYTES_WANTED),
        "Free some disk space, or use a larger disk with --data.",
    ),
    ("inodes", False, _inodes, "Delete small files, or make the file system with more inodes."),
    ("memory", False, _memory, "4 GiB are the least for comfort; notebooks come on top."),
    (
        "closing connections",
        False,
        _close_connections,
        "Access ends by a reload of nginx instead; nothing to do.",
    ),
    ("clock", False, _clock, "Install an NTP client: apt-get install systemd-timesyncd."),
    (
        "GPU driver",
        False,
        _gpu,
        "For GPUs install NVIDIA's driver; without one notebooks run on CPUs.",
    ),
)
