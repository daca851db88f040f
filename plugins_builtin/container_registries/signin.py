"""Signing in to a registry, as its API wants it: Basic, or a token that its realm gives for name and password.

Every answer is a stranger's: no redirect is followed, little is read of it and nothing of it is shown, and all of it
together may take a few seconds only.
Source of the protocol: https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

import httpx
from httpx import BasicAuth
from werkzeug.http import parse_dict_header

TIMEOUT_S = 10.0
ANSWER_BYTES = 1 << 20


class SignInFailed(Exception):
    """In words for the admin who wants to know why."""


def try_sign_in(address: str, username: str, password: str) -> None:
    """Blocks for up to TIMEOUT_S and a little; SignInFailed says why not. address: scheme and host."""
    ends = time.monotonic() + TIMEOUT_S
    try:
        with httpx.Client(timeout=TIMEOUT_S / 2, follow_redirects=False) as client:
            _sign_in(client, address, BasicAuth(username, password), username, ends)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SignInFailed(f"the registry can't be reached: {type(error).__name__}") from error


def _sign_in(
    client: httpx.Client, address: str, who: BasicAuth, username: str, ends: float
) -> None:
    url = f"{address}/v2/"
    status, header, _ = _get(client, url, ends)
    if status == 200:
        return  # it asks nobody to sign in
    if status != 401:
        raise SignInFailed(f"no registry answers at {address}: HTTP status {status}")
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "basic":
        status, _, _ = _get(client, url, ends, auth=who)
    elif scheme.lower() == "bearer":
        token = _token(client, parse_dict_header(rest), address, who, username, ends)
        status, _, _ = _get(client, url, ends, headers={"Authorization": f"Bearer {token}"})
    else:
        raise SignInFailed("the registry wants a kind of sign-in that is not known here")
    if status != 200:
        raise SignInFailed(_refused(status))


def _token(
    client: httpx.Client, asked: dict[str, str | None], address: str, who: BasicAuth, username: str,
    ends: float,
) -> str:  # fmt: skip
    realm = asked.get("realm") or ""
    schemes = ("https",) if address.startswith("https:") else ("https", "http")
    if urlsplit(realm).scheme not in schemes:  # the password must not leave in clear
        raise SignInFailed("the registry names no safe address to sign in at")
    params = {"account": username}
    params |= {name: text for name in ("service", "scope") if (text := asked.get(name))}
    status, _, body = _get(client, realm, ends, auth=who, params=params)
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


def _refused(status: int) -> str:
    if status in (401, 403):
        return "user name or password are wrong"
    return f"signing in failed: HTTP status {status}"


def _get(
    client: httpx.Client, url: str, ends: float, auth: BasicAuth | None = None,
    headers: dict[str, str] | None = None, params: dict[str, str] | None = None,
) -> tuple[int, str, bytes]:  # fmt: skip
    """Status, what it asks for and the beginning of the body."""
    body = b""
    with client.stream("GET", url, auth=auth, headers=headers, params=params) as answer:
        for chunk in answer.iter_bytes(1 << 16):
            body += chunk
            if len(body) >= ANSWER_BYTES or time.monotonic() > ends:
                break
    if time.monotonic() > ends:
        raise SignInFailed("the registry takes too long to answer")
    return answer.status_code, answer.headers.get("WWW-Authenticate", ""), body
