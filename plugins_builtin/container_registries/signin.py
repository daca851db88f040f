"""Signing in to a registry, as its API wants it: Basic, or a token that its realm gives for name and password.

Every answer is a stranger's: no redirect is followed, little is read of it and nothing of it is shown, and all of it
together may take a few seconds only.
Source of the protocol: https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

import urllib3

TIMEOUT_S = 10.0
ANSWER_BYTES = 1 << 20
Headers = Mapping[str, str]


class SignInFailed(Exception):
    """In words for the admin who wants to know why."""


def try_sign_in(address: str, username: str, password: str) -> None:
    """Blocks for up to TIMEOUT_S and a little; SignInFailed says why not. address: scheme and host."""
    ends = time.monotonic() + TIMEOUT_S
    login = base64.b64encode(f"{username}:{password}".encode()).decode()
    who = {"Authorization": f"Basic {login}"}
    try:
        with urllib3.PoolManager(timeout=TIMEOUT_S / 2, retries=False) as client:
            _sign_in(client, address, who, username, ends)
    except (urllib3.exceptions.HTTPError, ValueError) as error:  # the latter: no such host can be
        raise SignInFailed(f"the registry can't be reached: {type(error).__name__}") from error


def _sign_in(
    client: urllib3.PoolManager, address: str, who: Headers, username: str, ends: float
) -> None:
    url = f"{address}/v2/"
    status, header, _ = _get(client, url, ends)
    if status == 200:
        return  # it asks nobody to sign in
    if status != 401:
        raise SignInFailed(f"no registry answers at {address}: HTTP status {status}")
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "basic":
        status, _, _ = _get(client, url, ends, headers=who)
    elif scheme.lower() == "bearer":
        token = _token(client, _asked(rest), address, who, username, ends)
        status, _, _ = _get(client, url, ends, headers={"Authorization": f"Bearer {token}"})
    else:
        raise SignInFailed("the registry wants a kind of sign-in that is not known here")
    if status != 200:
        raise SignInFailed(_refused(status))


def _token(
    client: urllib3.PoolManager, asked: Mapping[str, str], address: str, who: Headers, username: str,
    ends: float,
) -> str:  # fmt: skip
    realm = asked.get("realm", "")
    schemes = ("https",) if address.startswith("https:") else ("https", "http")
    if urlsplit(realm).scheme not in schemes:  # the password must not leave in clear
        raise SignInFailed("the registry names no safe address to sign in at")
    params = {"account": username}
    params |= {name: text for name in ("service", "scope") if (text := asked.get(name))}
    mark = "&" if urlsplit(realm).query else "?"
    status, _, body = _get(client, f"{realm}{mark}{urlencode(params)}", ends, headers=who)
    if status != 200:
        raise SignInFailed(_refused(status))
    try:
        answer = json.loads(body)
        token = answer.get("token") or answer["access_token"]
    except (ValueError, KeyError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise SignInFailed("the registry gave no token")
    return token


def _asked(challenge: str) -> Mapping[str, str]:
    """What follows "Bearer" in the answer's header; nothing where it is malformed."""
    try:
        return parse_keqv_list(parse_http_list(challenge))
    except (ValueError, IndexError):  # `a` and `a=`
        return {}


def _refused(status: int) -> str:
    if status in (401, 403):
        return "user name or password are wrong"
    return f"signing in failed: HTTP status {status}"


def _get(
    client: urllib3.PoolManager, url: str, ends: float, headers: Headers | None = None
) -> tuple[int, str, bytes]:
    """Status, what it asks for and the beginning of the body."""
    body = b""
    with client.request(
        "GET", url, headers=headers, redirect=False, preload_content=False
    ) as answer:
        for chunk in answer.stream(1 << 16):
            body += chunk
            if len(body) >= ANSWER_BYTES or time.monotonic() > ends:
                break
    if time.monotonic() > ends:
        raise SignInFailed("the registry takes too long to answer")
    return answer.status, answer.headers.get("WWW-Authenticate", ""), body
