"""The configuration file: what an admin decides before the start. Settings (live rows) are settings.py."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from appliance.errors import Invalid
from appliance.paths import Paths

SLOTS = 16
UID_POOL_START = (
    1 << 30
)  # clear of users (below 60000), /etc/subuid's 100000 and systemd's ranges below 2^19
UIDS_PER_SLOT = 1 << 26
UIDS_PER_TEAM = 1 << 16
TEAMS_PER_SLOT = (
    254  # one /24 of the slot's /16 each; the first /24 belongs to the appliance itself
)


@dataclass(frozen=True)
class Config:
    """What `config.toml` holds, with the defaults of a first look on one's own machine.

    instance: six hexadecimal digits in the names of everything that outlives a process.
    slot: which sixteenth of the uid pool and of 10.192.0.0/12 this instance uses, 0 to 15.
    host, port: where nginx listens. domain: a name with a wildcard record (`*.domain`), or "".
    tls_cert, tls_key: PEM files; both empty = plain HTTP.
    """

    data: Path
    instance: str
    slot: int
    host: str = "127.0.0.1"
    port: int = 8080
    domain: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    names: tuple[str, ...] = field(default=())
    api_port: int = 80

    @property
    def paths(self) -> Paths:
        return Paths(self.data)

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"

    @property
    def loopback(self) -> bool:
        """Whether only this machine (or a tunnel to it) can reach us."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def origin_mode(self) -> str:
        """How users' code gets an origin of its own: "subdomain" or "port" (shared by all notebooks)."""
        return "subdomain" if self.domain or self.loopback else "port"

    @property
    def notebook_domain(self) -> str:
        """Notebooks live at `<id>.<this>` in subdomain mode."""
        return self.domain or "localhost"

    @property
    def user_port(self) -> int:
        """The port of users' code: a second one in port mode, else the same."""
        return self.port + 1 if self.origin_mode == "port" else self.port

    @property
    def base_url(self) -> str:
        """The URL that is printed at the start."""
        name = self.domain or (
            socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        )
        default = {"http": 80, "https": 443}[self.scheme]
        suffix = "" if self.port == default else f":{self.port}"
        return f"{self.scheme}://{bracketed(name)}{suffix}"

    @property
    def uid_base(self) -> int:
        return UID_POOL_START + self.slot * UIDS_PER_SLOT

    @property
    def web_uid(self) -> int:
        """uid and gid of web, stream and worker."""
        return self.uid_base + 1

    @property
    def git_uid(self) -> int:
        return self.uid_base + 2

    @property
    def proxy_uid(self) -> int:
        """uid and gid of nginx; it also belongs to web's group."""
        return self.uid_base + 3

    @property
    def render_uid(self) -> int:
        """uid and gid of what turns users' files into HTML: it owns nothing and may read nothing of ours."""
        return self.uid_base + 4

    def team_uid(self, team_slot: int) -> int:
        """First host id of a team's user namespace; team_slot counts from 1. Invalid beyond the slots there are."""
        if not 1 <= team_slot <= TEAMS_PER_SLOT:
            raise Invalid(f"team slot {team_slot} is not between 1 and {TEAMS_PER_SLOT}")
        return self.uid_base + team_slot * UIDS_PER_TEAM

    @property
    def pool(self) -> ipaddress.IPv4Network:
        """All addresses of this instance."""
        return ipaddress.IPv4Network((0x0AC00000 + (self.slot << 16), 16))

    @property
    def api_address(self) -> str:
        """The address on `lo` at which workloads reach the appliance."""
        return str(self.pool[1])

    def team_subnet(self, team_slot: int) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network((int(self.pool[0]) + (team_slot << 8), 24))


_INSTANCE = re.compile(r"[0-9a-f]{6}")


def bracketed(host: str) -> str:
    """A host as URLs write it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


_WRITTEN = (
    "instance",
    "slot",
    "host",
    "port",
    "domain",
    "tls_cert",
    "tls_key",
    "names",
    "api_port",
)


def data_dir(given: str | None) -> Path:
    """The data directory from an option, else APPLIANCE_DATA, else /var/lib/appliance."""
    return Path(given or os.environ.get("APPLIANCE_DATA") or "/var/lib/appliance").absolute()


def load(data: Path) -> Config:
    """Read `config.toml`; Invalid names the key that is wrong, or says that there is none yet."""
    path = Paths(data).config
    try:
        raw = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise Invalid(
            f"{path} does not exist", hint="start the appliance once with scripts/up"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{path} is not valid TOML: {error}") from None
    return from_mapping(data, raw)


def from_mapping(data: Path, raw: dict[str, Any]) -> Config:
    """Check keys, types and bounds; unknown keys are refused by name."""
    known = {f.name: f for f in fields(Config)}
    for key, value in raw.items():
        if key not in _WRITTEN:
            raise Invalid(
                f"config.toml: unknown key {key!r}", hint=f"known keys: {', '.join(_WRITTEN)}"
            )
        wanted = {"int": int, "str": str}.get(str(known[key].type), list)
        if type(value) is not wanted:
            raise Invalid(
                f"config.toml: {key} must be {wanted.__name__}, not {type(value).__name__}"
            )
    if not 0 <= raw.get("slot", 0) < SLOTS:
        raise Invalid(f"config.toml: slot must be 0 to {SLOTS - 1}")
    if not 1 <= raw.get("port", 8080) <= 65534:
        raise Invalid("config.toml: port must be 1 to 65534")
    for key in ("instance", "slot"):
        if key not in raw:
            raise Invalid(f"config.toml: {key} is missing", hint="restore the file from a backup")
    if not _INSTANCE.fullmatch(raw["instance"]):
        raise Invalid("config.toml: instance must be six hexadecimal digits")
    names = tuple(raw.get("names", ()))
    if not all(isinstance(name, str) for name in names):
        raise Invalid("config.toml: names must be a list of texts")
    return Config(data=data, **{**raw, "names": names})


def save(config: Config) -> None:
    """Write `config.toml` atomically."""
    path = config.paths.config
    lines = [f"{key} = {_toml(getattr(config, key))}\n" for key in _WRITTEN]
    part = path.with_suffix(".part")
    part.write_text("".join(lines))
    part.chmod(0o644)
    part.replace(path)


def fresh(data: Path, routes: list[str]) -> Config:
    """A configuration for a new instance, on a slot whose addresses overlap none of the host's routes."""
    instance = secrets.token_hex(3)
    start = int(instance, 16)
    used = [ipaddress.ip_network(route, strict=False) for route in routes]
    for step in range(SLOTS):
        config = Config(data=data, instance=instance, slot=(start + step) % SLOTS)
        if not any(net.version == 4 and net.overlaps(config.pool) for net in used):
            return config
    raise Invalid("no free address range in 10.192.0.0/12", hint="set slot in config.toml by hand")


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
