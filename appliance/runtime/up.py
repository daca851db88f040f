"""`appliance up`: from a data directory, or none yet, to running processes; and back again."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Iterator, NoReturn

import httpx

from appliance import config as configuration
from appliance.config import Config
from appliance.errors import Conflict, Invalid, Unavailable
from appliance.paths import Paths
from appliance.runtime import doctor, foreground, hostenv
from appliance.runtime.backend import Progress
from appliance.runtime.certificate import certificate_names, ensure_self_signed
from appliance.runtime.foreground import Process
from appliance.runtime.layout import Place, ensure_directory, ensure_layout

READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 90.0
_POLL_S = 0.1
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FOR_ALL = frozenset(
    {"LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"}
)
# glibc keeps what it got: by default each thread an arena, and 19 MB in a process that has checked a password.
_MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
_FOR_ROOT = ("PIP_", "NPM_CONFIG_", "npm_config_")


@dataclass(frozen=True)
class Options:
    """The command line; None leaves config.toml's value. tls: ("self",) or (CERT, KEY)."""

    data: Path
    host: str | None = None
    port: int | None = None
    tls: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Parts:
    """What other modules contribute to a start, called in this order as root, services down.

    setup: migrations and the first admin; a text with the credentials when it made one.
    """

    prepare_engine: Callable[[Config], None]
    ensure_images: Callable[[Config, Progress], None]
    setup: Callable[[Config], str | None]


class Steps:
    """Numbered lines with the seconds of each step. first: scripts/up has done some already."""

    def __init__(self, first: int) -> None:
        self._number = first

    @classmethod
    def from_environment(cls) -> Steps:
        """Numbers go on where the script that called us stopped."""
        return cls(int(os.environ.get("APPLIANCE_FIRST_STEP", "1")))

    @contextmanager
    def step(self, name: str) -> Iterator[Progress]:
        """Yields where the step's own lines go."""
        self.title(name)
        started = time.monotonic()
        yield lambda line: print(f"    {line}", flush=True)
        print(f"    {time.monotonic() - started:.1f} s", flush=True)

    def title(self, name: str) -> None:
        """Only the line, for a last step that has no end."""
        print(f"[{self._number}] {name}", flush=True)
        self._number += 1


def up(options: Options, parts: Parts, program: Path) -> NoReturn:
    """Prepare everything, then become the process manager.

    program: the `appliance` command that services are started with.
    Conflict if it runs already; Unavailable if this host lacks something essential.
    """
    steps = Steps.from_environment()
    lock, config, credentials = prepare(options, parts, steps)
    steps.title("services")
    announce(config, credentials, lock)
    become_manager(config, processes(config, program, os.environ), lock)


def prepare(options: Options, parts: Parts, steps: Steps) -> tuple[int, Config, str | None]:
    """All that comes before the services: the lock (see take_lock), configuration, and credentials if new.

    Blocks for minutes at the first start. Conflict and Unavailable as for `up`.
    """
    if os.geteuid() != 0:
        raise Invalid("the appliance must be started as root", hint="sudo scripts/up")
    with steps.step("data directory"):
        lock = take_lock(Paths(options.data))
        config = configure(options)
        ensure_layout(config)
        parts.prepare_engine(config)
    with steps.step("host"):
        check_host(config)
    with steps.step("images") as progress:
        parts.ensure_images(config, progress)
    with steps.step("database"):
        credentials = parts.setup(config)
        if credentials:  # now as well: they are shown once, and the start may yet be interrupted
            print(f"    {credentials}", flush=True)
    return lock, config, credentials


def take_lock(paths: Paths) -> int:
    """A descriptor that holds the lock while it is open. Conflict says who has it."""
    for directory in (paths.root, paths.run):
        ensure_directory(Place(directory, 0, 0, 0o711))
    descriptor = _open_lock(paths)
    if not _locked(descriptor):
        try:
            _refuse_services(paths, descriptor)
            pid = os.pread(descriptor, 32, 0).decode("ascii").strip()
        finally:
            os.close(descriptor)
        raise Conflict(
            f"the appliance in {paths.root} runs already as process {pid}",
            hint="press Ctrl-C there, run scripts/up --stop, or start another one with --data",
        )
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def configure(options: Options) -> Config:
    """config.toml with the options put in, written if that changed it; made if there was none."""
    data = options.data
    new = not Paths(data).config.exists()
    old = configuration.fresh(data, used_networks()) if new else configuration.load(data)
    config = replace(old, host=options.host or old.host, port=options.port or old.port)
    if options.tls:
        config = _with_tls(config, options.tls)
    elif config.tls_cert == str(config.paths.tls / "self.crt"):
        config = _with_tls(config, ("self",))  # renewed in time, and for the names of now
    values = {name: value for name, value in asdict(config).items() if name != "data"}
    config = configuration.from_mapping(data, values | {"names": list(config.names)})
    if new or config != old:
        configuration.save(config)
    return config


def _with_tls(config: Config, tls: Sequence[str]) -> Config:
    if list(tls) == ["self"]:
        ensure_directory(Place(config.paths.tls, 0, 0, 0o700))
        cert, key = ensure_self_signed(config.paths.tls, certificate_names(config))
    elif len(tls) == 2:
        cert, key = (Path(name).absolute() for name in tls)
    else:
        raise Invalid("--tls takes the word self, or a certificate and a key")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise Invalid(
            f"{cert} and {key} can't be used: {error}", hint="give two PEM files that match"
        ) from None
    return replace(config, tls_cert=str(cert), tls_key=str(key))


def used_networks() -> list[str]:
    """IPv4 networks that this host has routes or addresses in; other instances' are among them."""
    routes = _ip("route", "show")
    networks = [route["dst"] for route in routes if route["dst"] != "default"]
    for interface in _ip("address", "show"):
        for address in interface.get("addr_info", []):
            if address["family"] == "inet":
                networks.append(f"{address['local']}/{address['prefixlen']}")
    return networks


def _ip(*arguments: str) -> list[dict[str, Any]]:
    command = ["ip", "-4", "-json", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if result.returncode:
        raise Unavailable(f"ip says: {result.stderr.strip()}", hint="install iproute2")
    parsed: list[dict[str, Any]] = json.loads(result.stdout or "[]")
    return parsed


def check_host(config: Config) -> None:
    """Unavailable with every essential check that failed and its cure."""
    bad = doctor.failed(doctor.checks(config))
    if bad:
        lines = "\n".join(f"  {check.name}: {check.detail}. {check.cure}" for check in bad)
        raise Unavailable(f"this host can't run the appliance yet:\n{lines}")


def processes(config: Config, program: Path, environ: Mapping[str, str]) -> list[Process]:
    """What the manager runs, in the order of their start."""
    web, proxy = config.web_uid, config.proxy_uid
    shared = service_env(environ)

    def service(
        name: str, uid: int, groups: Sequence[int] = (), caps: Sequence[str] = ()
    ) -> Process:
        argv = [str(program), name, "--data", str(config.data)]
        env = shared | ({"HOME": "/nonexistent"} if uid else _root_env(environ))
        return Process(name, argv, env, uid, uid, list(groups), list(caps))

    return [
        service("supervisor", 0),
        service("web", web),
        service("stream", web),
        service("worker", web),
        service("proxy", proxy, [web], ["net_bind_service"]),  # workloads reach it on port 80
    ]


def service_env(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of our environment that services may see: no secrets of root's shell."""
    names = {*_FOR_ALL, *hostenv.PROXY_NAMES, "no_proxy"}
    names |= {name.upper() for name in names}
    kept = {name: value for name, value in environ.items() if name in names}
    return {"LANG": "C.UTF-8", "PATH": _PATH} | _MALLOC | kept


def _root_env(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if name.startswith(_FOR_ROOT)}
    return {"HOME": environ.get("HOME", "/root")} | kept


def announce(config: Config, credentials: str | None, lock: int) -> None:
    """Fork a process that prints the one line once the appliance answers. Not blocking."""
    parent = os.getpid()
    if os.fork():
        return
    os.close(lock)
    line = ready_line(config, credentials)
    ready = wait_ready(config, lambda: os.getppid() == parent, READY_TIMEOUT_S)
    if not ready and os.getppid() == parent:
        line = f"{config.base_url} does not answer yet; see {config.paths.run / 'log'}"
    if ready or os.getppid() == parent:
        print(line, flush=True)
    os._exit(0)


def ready_line(config: Config, credentials: str | None) -> str:
    """What tells the admin where to go."""
    return f"Appliance is ready: {config.base_url}" + (f"   {credentials}" if credentials else "")


def wait_ready(config: Config, wanted: Callable[[], bool], timeout_s: float) -> bool:
    """Whether GET /v1/health answers 200 through nginx in time. Blocks while wanted()."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
    host = everywhere.get(config.host, f"[{config.host}]" if ":" in config.host else config.host)
    deadline = time.monotonic() + timeout_s
    # verify: the certificate is for a name, and this asks an address of our own machine.
    with httpx.Client(verify=False, trust_env=False, timeout=5) as client:
        while wanted() and time.monotonic() < deadline:
            try:
                url = f"{config.scheme}://{host}:{config.port}/v1/health"
                if client.get(url, headers={"Host": f"localhost:{config.port}"}).status_code == 200:
                    return True
            except httpx.HTTPError:
                pass
            time.sleep(_POLL_S)
    return False


def become_manager(config: Config, plan: Sequence[Process], lock: int) -> NoReturn:
    """Replace this process by a small interpreter that only manages; the lock goes along."""
    memory = os.memfd_create("plan", 0)
    text = json.dumps(
        {"run": str(config.paths.run), "processes": [item._asdict() for item in plan]}
    )
    os.write(memory, text.encode())
    os.lseek(memory, 0, os.SEEK_SET)
    os.set_inheritable(lock, True)
    argv = [sys.executable, "-I", "-S", foreground.__file__, str(memory), str(lock)]
    os.execve(argv[0], argv, {"PATH": _PATH, "LANG": "C.UTF-8"})


def stop(data: Path, stop_all: Callable[[Config], None]) -> None:
    """End the manager and its services, then what stop_all knows of: containers, networks, mounts.

    Blocks for up to STOP_TIMEOUT_S; Unavailable if the manager does not end, Conflict if systemd runs the services.
    """
    config = configuration.load(data)
    descriptor = _open_lock(config.paths)
    try:
        if not _locked(descriptor):
            _refuse_services(config.paths, descriptor)
            _end(int(os.pread(descriptor, 32, 0)), descriptor)
        stop_all(config)  # under the lock: nobody starts meanwhile
    finally:
        os.close(descriptor)


def _end(pid: int, lock: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while not _locked(lock):
        if time.monotonic() > deadline:
            raise Unavailable(f"process {pid} does not end", hint=f"kill -9 {pid}, then try again")
        time.sleep(_POLL_S)


def _open_lock(paths: Paths) -> int:
    # Readable for all: the units of systemd take it under uids of their own.
    return os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _locked(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether the lock could be taken, or is ours already."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_services(paths: Paths, lock: int) -> None:
    """Conflict if the lock, which somebody has, is shared: that is how units of systemd hold it."""
    if _locked(lock, fcntl.LOCK_SH):
        raise Conflict(
            f"systemd runs the appliance in {paths.root}",
            hint="stop it first: systemctl stop appliance.target 'appliance-*'",
        )
