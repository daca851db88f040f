"""The gateway's configuration: nginx's text from ours, tried before it counts.

nginx runs as an unprivileged uid, its master included. Everything it writes lies in folders of its
own below `paths.nginx`; that folder and the configuration belong to root. Root never acts on what
nginx wrote: signals are sent by `nginx -s` under nginx's own uid.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from appliance.clock import Clock
from appliance.config import Config, bracketed
from appliance.errors import Invalid, Unavailable
from appliance.runtime.rendering import VIEW_POLICY
from appliance.runtime.slots import SLOTS, upstream
from appliance.runtime.spec import GATEWAY_SOCKET
from appliance.runtime.templates import fill

KINDS = ("n",)  # first path segments on users' origins: notebooks
ID = "[a-z][a-z0-9]{3,31}"  # as ids.is_id and spec.Name

# What a client must not be able to tell web or a container. X-Appliance-*, X-Forwarded-For, -Host
# and -Proto are set by us.
DROPPED_HEADERS = (
    "Forwarded",
    "X-Client",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Method",
    "X-Real-IP",
    "X-Scheme",
    "X-Server",
    "X-Service",
)

NOTHING_POLICY = "sandbox; default-src 'none'"  # what users wrote must not act as our page
OPEN_FILES = 16384
LOG_BYTES = 16 << 20
LOGS_KEPT = 2  # rotated files beside the current one
TIMEOUT_S = 10
# Nothing that a configuration file, nginx's or systemd's, would read as more than a path.
PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/@+-]*")

_WRITABLE = ("cache", "logs", "pid", "tmp")
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}|\[[0-9a-f:.]+\]", re.IGNORECASE)


@dataclass(frozen=True)
class Site:
    """All that the configuration is made of.

    names: host names of the UI, IPv6 addresses in brackets. static: folder behind /static/.
    certificate: PEM files that nginx's uid can read (`install_certificate`), None for plain HTTP.
    api: address:port for workloads, "" for none; the address must exist before nginx starts.
    shutdown_timeout_s: how long WebSockets survive a reload. Short where `connections.can_close` is
    false: there a reload is the only way to close one, and closes all.
    """

    config: Config
    names: tuple[str, ...]
    static: Path
    certificate: tuple[Path, Path] | None = None
    api: str = ""
    workers: int = 2
    shutdown_timeout_s: int = 86_400


def site(config: Config, static: Path, *, can_close: bool) -> Site:
    """The site of this host. Reads its names and copies the certificate; root only."""
    return Site(
        config=config,
        names=host_names(config),
        static=static,
        certificate=install_certificate(config),
        api=f"{config.api_address}:{config.api_port}",
        workers=min(4, os.cpu_count() or 1),
        shutdown_timeout_s=86_400 if can_close else 2,
    )


def host_names(config: Config) -> tuple[str, ...]:
    """Every name under which the UI answers, sorted.

    A host that listens everywhere answers to its own name and addresses too, but not to those of
    the appliance's bridges. Unavailable if they can't be listed.
    """
    names = {"localhost", "127.0.0.1", "[::1]", config.domain, *config.names}
    if config.host in ("0.0.0.0", "::"):
        names |= {socket.gethostname().lower(), *_host_addresses(config)}
    else:
        names.add(bracketed(config.host))
    return tuple(sorted(names - {""}))


def render(site: Site) -> str:
    """The configuration's text. Invalid names the value that nginx would misread."""
    config, paths = site.config, site.config.paths
    folders = (paths.root, site.static, *(site.certificate or ()))
    for text in (*site.names, *filter(None, [config.domain])):
        _check(_NAME, text, "a host name", "names and domain in config.toml")
    for folder in folders:
        _check(
            PLAIN_PATH, str(folder), "a plain path", "choose a path of letters, digits and ._/@+-"
        )
    subdomain = config.origin_mode == "subdomain"
    return fill(
        Path(__file__).with_name("nginx.conf"),
        addresses=[bracketed(config.host)],
        api=site.api,
        certificate=site.certificate,
        dropped_headers=DROPPED_HEADERS,
        handed_out=[
            ("logs", paths.logs, NOTHING_POLICY),
            ("spool", paths.spool, NOTHING_POLICY),
            ("rendered", paths.rendered, VIEW_POLICY),
        ],
        id=ID,
        kinds=KINDS,
        names=site.names,
        port=config.port,
        ports=sorted({config.port, config.user_port}),
        shutdown_timeout_s=site.shutdown_timeout_s,
        slots=[(upstream(k), paths.slots / str(k) / GATEWAY_SOCKET) for k in range(SLOTS)],
        starting="The appliance is starting, try again in a few seconds",
        static=site.static,
        stream_socket=paths.http / "stream.sock",
        subdomain=re.escape(config.notebook_domain) if subdomain else "",
        ui=_ui(config),
        user_port=config.user_port,
        web_socket=paths.http / "web.sock",
        workers=site.workers,
    )


def nginx_argv(config: Config, *options: str, conf: str = "nginx.conf") -> list[str]:
    """Command line of nginx in the foreground under its own uid, for root. `options` go to nginx.

    Of root's powers it keeps one, to listen on ports below 1024.
    """
    folder = config.paths.nginx
    return [
        *("prlimit", f"--nofile={OPEN_FILES}:{OPEN_FILES}", "setpriv"),
        *(
            f"--reuid={config.proxy_uid}",
            f"--regid={config.proxy_uid}",
            f"--groups={config.web_uid}",
        ),
        *("--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service"),
        *("--bounding-set=-all,+net_bind_service", "--no-new-privs"),
        *("nginx", "-p", f"{folder}/", "-c", str(folder / conf), *options),
    ]


def run_argv(config: Config) -> list[str]:
    """Command line for a process that has nginx's uid and capability already, as services have."""
    return ["nginx", "-p", f"{config.paths.nginx}/", "-c", str(config.paths.nginx / "nginx.conf")]


def prepare(config: Config) -> None:
    """Make `paths.nginx` and the folders in it that nginx writes to. Root only."""
    folder = config.paths.nginx
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, 0, config.proxy_uid)
    folder.chmod(0o750)
    for name in _WRITABLE:
        (folder / name).mkdir(exist_ok=True)
        os.chown(folder / name, config.proxy_uid, config.proxy_uid)
        (folder / name).chmod(0o700)


def install_certificate(config: Config) -> tuple[Path, Path] | None:
    """Copy certificate and key to where nginx's uid can read them; None for plain HTTP.

    Their names are made of their content: a renewed pair changes the rendered text, and a refused
    one leaves the old pair in place. Invalid if a file can't be read.
    """
    if not config.tls_cert:
        return None
    try:
        pair = Path(config.tls_cert).read_bytes(), Path(config.tls_key).read_bytes()
    except OSError as error:
        raise Invalid(
            f"cannot read {error.filename}: {error.strerror}", hint="see tls_cert in config.toml"
        ) from None
    prepare(config)
    digest = hashlib.sha256(b"\0".join(pair)).hexdigest()[:16]
    targets = config.paths.nginx / f"{digest}.crt", config.paths.nginx / f"{digest}.key"
    for target, content in zip(targets, pair):
        _write(config, target, content)
    return targets


class Gateway:
    """Keeps nginx on the last good configuration. Only the supervisor has one."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._wanted = self._installed()
        self._loaded = ""  # unknown after a start: a reload may have been lost with our predecessor
        self._refused = ""
        self._next_turn_ms = 0

    def want(self, site: Site) -> None:
        """Remember what is wanted now; `turn` brings it about. Invalid as `render`."""
        self._wanted = render(site)

    def turn(self) -> bool:
        """Install what is wanted if it is new, at most once a second. True if something was done.

        Blocks for milliseconds. Unavailable, once for each text, if nginx refuses it: the installed
        configuration stays. An nginx that doesn't run reads the installed one at its start.
        """
        now_ms = self._clock.now_ms()
        if self._wanted in ("", self._loaded, self._refused) or now_ms < self._next_turn_ms:
            return False
        self._next_turn_ms = now_ms + 1000
        if self._wanted != self._installed():
            self._install(self._wanted)
        told = _nginx(self._config, "-s", "reload")
        self._loaded = (
            self._wanted if told.returncode == 0 else ""
        )  # not yet running: told again later
        return True

    def reload(self) -> None:
        """Start nginx's workers anew at the next chance, though the text is the same."""
        self._loaded = ""
        self.turn()

    def _install(self, text: str) -> None:
        prepare(self._config)
        candidate = self._config.paths.nginx / "candidate.conf"
        _write(self._config, candidate, text.encode())
        tried = _nginx(self._config, "-t", "-q", conf=candidate.name)
        if tried.returncode != 0:
            self._refused = text
            raise Unavailable(f"nginx refuses its new configuration: {tried.stderr.strip()[-500:]}")
        candidate.replace(self._config.paths.nginx / "nginx.conf")

    def _installed(self) -> str:
        try:
            return (self._config.paths.nginx / "nginx.conf").read_text()
        except FileNotFoundError:
            return ""


def end_leftovers(config: Config) -> int:
    """Kill nginx's processes, before a start; returns how many.

    Workers outlive a killed master, hold its ports and answer with what they knew.
    """
    ended = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            titled = (
                (process / "cmdline").read_bytes().startswith(b"nginx: ")
            )  # not one that only tests
            if titled and process.stat().st_uid == config.proxy_uid:
                os.kill(int(process.name), signal.SIGKILL)
                ended += 1
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended by itself
    return ended


def rotate_logs(config: Config, limit_bytes: int = LOG_BYTES) -> bool:
    """Set aside logs over the limit, dropping the oldest; nginx opens new ones. Root only."""
    logs = config.paths.nginx / "logs"
    grown = [log for log in (logs / "access.log", logs / "error.log") if _size(log) > limit_bytes]
    for log in grown:
        for number in range(LOGS_KEPT, 1, -1):
            older = log.with_name(f"{log.name}.{number - 1}")
            if older.exists():
                older.replace(f"{log}.{number}")
        log.replace(f"{log}.1")
    if grown:
        _nginx(config, "-s", "reopen")
    return bool(grown)


def _nginx(
    config: Config, *options: str, conf: str = "nginx.conf"
) -> subprocess.CompletedProcess[str]:
    argv = nginx_argv(config, *options, conf=conf)
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"nginx {' '.join(options)} took over {TIMEOUT_S} s") from None


def _write(config: Config, target: Path, content: bytes) -> None:
    """Atomically and on disk, for root to change and nginx's group to read."""
    part = target.with_name(f"{target.name}.part")
    with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o640)) as file:
        os.fchown(file.fileno(), 0, config.proxy_uid)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)


def _ui(config: Config) -> str:
    """The UI's origin as nginx writes it.

    Where names alone tell the origins apart, the port is the request's own: tunnels work.
    """
    if config.origin_mode == "port":
        return f"$scheme://$host:{config.port}"
    return f"$scheme://{config.domain or bracketed(config.host)}$port_suffix"


def _host_addresses(config: Config) -> list[str]:
    argv = ["ip", "-json", "address", "show", "scope", "global"]
    try:
        listed = subprocess.run(argv, capture_output=True, timeout=TIMEOUT_S, check=True).stdout
    except (subprocess.SubprocessError, OSError) as error:
        raise Unavailable(
            f"cannot list this host's addresses: {error}", hint="set names in config.toml"
        ) from None
    infos = [info for link in json.loads(listed) for info in link.get("addr_info", [])]
    found = [ip_address(info["local"]) for info in infos if info]  # what the scope left out is {}
    return [bracketed(str(address)) for address in found if address not in config.pool]


def _check(pattern: re.Pattern[str], text: str, wanted: str, hint: str) -> None:
    if not pattern.fullmatch(text):
        raise Invalid(f"{text!r} is not {wanted}", hint=hint)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
