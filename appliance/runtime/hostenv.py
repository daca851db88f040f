"""What builds and containers must know of the host: CA bundle, proxies and package indexes."""

from __future__ import annotations

import configparser
import ipaddress
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

HOST_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# A path of its own: an image's bundle stays as it is, for programs that ask for it by name.
CONTAINER_CA_BUNDLE = "/run/appliance/ca.crt"
CONTAINER_ENV_FILE = "/run/appliance/host.env"

CA_NAMES = (
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
PROXY_NAMES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
NPM_NAMES = ("NPM_CONFIG_REGISTRY", "npm_config_registry")
_PIP_VARIABLES = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "trusted-host": "PIP_TRUSTED_HOST",
    "timeout": "PIP_DEFAULT_TIMEOUT",
}
_PIP_ADDRESSES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
_NEVER_PROXIED = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class HostEnv:
    """env: a container's variables. ca_bundle: to be mounted read-only at CONTAINER_CA_BUNDLE."""

    env: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: Path | None = None

    def shell(self) -> str:
        """The variables as a file for `.` in a shell."""
        return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.env.items())


def detect(
    environ: Mapping[str, str],
    pip_files: Sequence[Path],
    no_proxy: Sequence[str] = (),
    bundle: Path = HOST_CA_BUNDLE,
) -> HostEnv:
    """Read the environment and pip's files; what only works on the host itself is left out.

    pip_files: weakest first, missing ones are skipped. no_proxy: more hosts to reach directly, such
    as the appliance's own address. Credentials in URLs are passed on: the addresses need them.
    """
    found = dict(_proxies(environ, no_proxy)) | dict(_pip(environ, pip_files))
    registry = next((environ[name] for name in NPM_NAMES if environ.get(name)), "")
    if _reachable(registry):
        found["NPM_CONFIG_REGISTRY"] = registry
    if not bundle.is_file():
        return HostEnv(found)
    return HostEnv(found | {name: CONTAINER_CA_BUNDLE for name in CA_NAMES}, bundle)


def default_pip_files(environ: Mapping[str, str]) -> list[Path]:
    """Where pip looks for its configuration, weakest first."""
    home = Path(environ.get("HOME", "/root"))
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", user / "pip/pip.conf"]
    if environ.get("PIP_CONFIG_FILE"):
        files.append(Path(environ["PIP_CONFIG_FILE"]))
    return files


def _proxies(environ: Mapping[str, str], no_proxy: Sequence[str]) -> Iterator[tuple[str, str]]:
    any_proxy = False
    for name in PROXY_NAMES:
        value = environ.get(name) or environ.get(name.upper()) or ""
        if _reachable(value if "://" in value else f"http://{value}"):
            any_proxy = True
            yield from ((name, value), (name.upper(), value))
    if any_proxy:
        given = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").split(",")
        hosts = dict.fromkeys(host.strip() for host in (*given, *_NEVER_PROXIED, *no_proxy))
        value = ",".join(host for host in hosts if host)
        yield from (("no_proxy", value), ("NO_PROXY", value))


def _pip(environ: Mapping[str, str], files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    settings = {}
    for path in files:
        settings.update(_pip_file(path))
    for option, variable in _PIP_VARIABLES.items():
        values = (environ.get(variable) or settings.get(option) or "").split()
        if variable in _PIP_ADDRESSES:
            values = [value for value in values if _reachable(value)]
        if values:
            yield variable, " ".join(values)


def _pip_file(path: Path) -> dict[str, str]:
    """Options of [global] and [install]; none if the file is missing or broken."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return {}
    sections = [name for name in ("global", "install") if parser.has_section(name)]
    items = [item for name in sections for item in parser.items(name)]
    return {key.replace("_", "-"): value for key, value in items}


def _reachable(url: str) -> bool:
    """Whether a container could reach this address: not a file, not the host's own loopback."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if (
        parts.scheme not in ("http", "https", "socks5", "socks5h")
        or not host
        or host == "localhost"
    ):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
