"""Fetches a workspace inside the team's user namespace: a clone of a git repository, or one notebook's file.

The network is the host's, so addresses are checked here and connections go to what was checked. Repositories are hostile:
git runs no hooks, reads no configuration but ours, clones no submodules, and its tree is measured before it is written.
Nothing but the standard library; see `_userns_child.py`.
"""

from __future__ import annotations

import base64
import ctypes
import http.client
import ipaddress
import os
import select
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from appliance.runtime._userns_child import Failure, serve

_PR_SET_PDEATHSIG = 1
_GIT = "/usr/bin/git"
_CHUNK = 1 << 16
_TAIL = 4000
_REDIRECTS = 5
_NETWORK_TIMEOUT_S = 30
_WATCH_MS = 500
_PORTS = {"http": 80, "https": 443}
# The helper is a shell function that says what the environment holds: no password in arguments or in .git/config.
_HELPER = '!f() { echo "username=$WORKSPACE_USER"; echo "password=$WORKSPACE_PASSWORD"; }; f'
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "submodule.recurse": "false",
    "protocol.allow": "never",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "fetch.unpackLimit": "1",  # one pack, whose size the limit of a file's size bounds
    "pack.threads": "1",
    "gc.auto": "0",
    "advice.detachedHead": "false",
    "init.defaultBranch": "main",
}


def addresses(host: str, port: int, request: dict[str, Any]) -> list[str]:
    """Where a name leads; Failure when that is nowhere, or this machine and its networks."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Failure("Invalid", f"there is no host {host[:200]}") from None
    known = list(dict.fromkeys(str(info[4][0]) for info in found))
    allowed = [text for text in known if request["local"] or not is_local(text, request["own"])]
    if not allowed:
        raise Failure("Invalid", f"{host[:200]} is this machine itself or one of its networks")
    return allowed


def is_local(text: str, own: str) -> bool:
    """Whether an address belongs to this machine: loopback, link-local, our bridges, or nobody's."""
    address = ipaddress.ip_address(text.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    special = (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    )
    return special or (address.version == 4 and address in ipaddress.ip_network(own))


def checked(url: str) -> tuple[SplitResult, str, int]:
    """The parts of an address, its host and its port."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise Failure("Invalid", "only http and https are fetched") from None
    if not parts.hostname or "@" in parts.netloc:
        raise Failure("Invalid", "this is no address that can be fetched")
    return parts, parts.hostname, port


def op_git(root: int, request: dict[str, Any]) -> dict[str, Any]:
    """Clone into root, which is empty, and check out `ref`, or what the server says."""
    os.fchdir(root)
    env, news = git_env(request), request["spool"]
    run(
        ["clone", "--no-checkout", "--template=", "--progress", "--", request["url"], "."],
        env,
        news,
    )
    commit = commit_of(request["ref"], env)
    if commit is None:
        if request["ref"]:
            raise Failure("Invalid", f"it has no branch, tag or commit {request['ref'][:100]}")
        return {"commit": ""}  # an empty repository
    measure(commit, env, request)
    run(["checkout", "--progress", *([request["ref"]] if request["ref"] else []), "--"], env, news)
    return {"commit": commit}


def git_env(request: dict[str, Any]) -> dict[str, str]:
    """All that git reads of its surroundings."""
    _, host, port = checked(request["url"])
    config = dict(_CONFIG)
    if not request["proxies"]:
        config["http.curloptResolve"] = f"{host}:{port}:{addresses(host, port, request)[0]}"
    if request["username"]:
        config["credential.helper"] = _HELPER
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "WORKSPACE_USER": request["username"],
        "WORKSPACE_PASSWORD": request["password"],
        "GIT_CONFIG_COUNT": str(len(config)),
        **request["proxies"],
    }
    for number, (key, value) in enumerate(config.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def run(arguments: list[str], env: dict[str, str], news: int) -> None:
    """Run git; what it says of its progress goes to the parent. Ends when the parent does not listen any more."""
    with subprocess.Popen(
        [_GIT, *arguments], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, start_new_session=True,
        restore_signals=False,  # SIGXFSZ stays ignored: git then says that a file is too large
        preexec_fn=die_with_parent,
    ) as process:  # fmt: skip
        tail = b""
        try:
            for part in said(process, news):
                tail = (tail + part)[-_TAIL:]
                os.write(news, part)
        except BrokenPipeError:
            os.killpg(process.pid, signal.SIGKILL)
            raise Failure("Conflict", "it was stopped") from None
    if process.returncode != 0:
        raise Failure("Invalid", complaint(tail.decode(errors="replace")))


def die_with_parent() -> None:
    """In the child: when we are killed for taking too long, git ends as well."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def said(process: subprocess.Popen[bytes], news: int) -> Iterator[bytes]:
    """What it writes, until it ends; BrokenPipeError when nobody reads the news."""
    assert process.stderr is not None
    both = select.poll()
    both.register(process.stderr, select.POLLIN)
    both.register(news, 0)  # POLLERR comes unasked
    while True:
        ready = dict(both.poll(_WATCH_MS))
        if news in ready:
            raise BrokenPipeError
        if process.stderr.fileno() in ready:
            part = os.read(process.stderr.fileno(), _CHUNK)
            if not part:
                return
            yield part


def complaint(text: str) -> str:
    """What git ended with, in one line."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    if any("File too large" in line for line in lines):
        return "it is larger than is allowed here"
    marked = [line for line in lines if line.startswith(("fatal:", "error:"))]
    line = (marked or lines or ["git failed"])[0]
    if "could not read Username" in line:
        return "it wants a user name and a password, or it does not exist"
    return line.removeprefix("fatal: ").removeprefix("error: ")[:500]


def commit_of(ref: str, env: dict[str, str]) -> str | None:
    names = [f"refs/remotes/origin/{ref}", f"refs/tags/{ref}", ref] if ref else ["HEAD"]
    for name in names:
        command = [
            _GIT,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{name}^{{commit}}",
        ]
        done = subprocess.run(command, env=env, capture_output=True, timeout=60, check=False)
        if done.returncode == 0:
            return done.stdout.decode().strip()
    return None


def measure(commit: str, env: dict[str, str], request: dict[str, Any]) -> None:
    """Failure when the tree has more bytes or files than are allowed: small packs can hold huge trees."""
    command = [_GIT, "ls-tree", "-r", "-l", "-z", "--full-tree", commit]
    files = size = 0
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
        for entry in entries(process):
            files += 1
            length = entry.split(b"\t", 1)[0].split()[3]
            size += 0 if length == b"-" else int(length)
            if size > request["file_bytes"] or files > request["most_files"]:
                process.kill()
                raise Failure("Invalid", "it has more or larger files than are allowed here")
    if process.returncode != 0:
        raise Failure("Invalid", "its tree can't be read")


def entries(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout is not None
    rest = b""
    while part := process.stdout.read(_CHUNK):
        *whole, rest = (rest + part).split(b"\0")
        yield from whole


def op_download(root: int, request: dict[str, Any]) -> dict[str, Any]:
    """One notebook's file into root, which is empty, under the last name of its address."""
    url, ends = request["url"], time.monotonic() + request["seconds"] - 5
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    if not name.endswith(".ipynb") or "/" in name or "\0" in name or name.startswith("."):
        raise Failure("Invalid", "this address names no notebook")
    headers = {"User-Agent": "appliance", "Accept": "*/*"}
    login = credential(request)
    for _ in range(_REDIRECTS):
        connection, answer = ask(url, request, {**headers, **login})
        with closing(connection):
            if answer.status in (301, 302, 303, 307, 308):
                url, login = urljoin(url, answer.headers.get("Location", "")), {}
                continue
            if answer.status != 200:
                raise Failure(
                    "Invalid", f"its server answered {answer.status} {answer.reason[:100]}"
                )
            save(root, name, answer, request, ends)
            return {"commit": ""}
    raise Failure("Invalid", "its server sends us from place to place")


def credential(request: dict[str, Any]) -> dict[str, str]:
    """What says who asks, for the server that was named and no other."""
    if not request["username"]:
        return {}
    word = f"{request['username']}:{request['password']}".encode()
    return {"Authorization": f"Basic {base64.b64encode(word).decode()}"}


def ask(
    url: str, request: dict[str, Any], headers: dict[str, str]
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """One GET, of an address that was checked, from where it was found to be."""
    parts, host, port = checked(url)
    where = addresses(host, port, request)[0]
    connection = http.client.HTTPConnection(host, port, timeout=_NETWORK_TIMEOUT_S)
    try:
        sock = socket.create_connection((where, port), timeout=_NETWORK_TIMEOUT_S)
        if parts.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        connection.sock = sock
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers=headers)
        return connection, connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Failure("Invalid", f"{host[:200]} can't be reached: {error}"[:500]) from None


def save(
    root: int, name: str, answer: http.client.HTTPResponse, request: dict[str, Any], ends: float
) -> None:
    """Write the body; Failure when it is too large, or no notebook."""
    os.fchdir(root)
    size = 0
    with open(name, "xb") as file:
        while part := answer.read1(_CHUNK):
            if size == 0 and not part.lstrip().startswith(b"{"):
                raise Failure("Invalid", "what its server sends is no notebook")
            size += len(part)
            if size > request["file_bytes"]:
                raise Failure("Invalid", "it is larger than is allowed here")
            if time.monotonic() > ends:
                raise Failure("Invalid", "its server is too slow")
            file.write(part)
            os.write(request["spool"], f"{size / (1 << 20):.1f} MiB\n".encode())


def main() -> None:
    serve({"git": op_git, "download": op_download})
