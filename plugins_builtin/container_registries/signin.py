"""Signing in to a registry, as its API wants it: Basic, or a token that its realm gives for name and password.

Every answer is a stranger's: no redirect is followed, little is read of it and nothing of it is shown, and all of it
together may take a few seconds only.
Source of the protocol: https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from plugins_builtin.container_registries import exchange
from plugins_builtin.container_registries.exchange import Allowed, Answer

TIMEOUT_S = 10.0
Headers = Mapping[str, str]
Get = Callable[[str, Headers], Answer]  # of a URL, with headers


class SignInFailed(Exception):
    """In words for the admin who wants to know why."""


def try_sign_in(
    address: str, username: str, password: str, allowed: Allowed, timeout_s: float = TIMEOUT_S
) -> None:
    """Blocks for timeout_s at most; SignInFailed says why not. address: scheme and host."""
    get = functools.partial(exchange.get, ends=time.monotonic() + timeout_s, allowed=allowed)
    login = base64.b64encode(f"{username}:{password}".encode()).decode()
    who = {"Authorization": f"Basic {login}"}
    try:
        _sign_in(get, address, who, username)
    except exchange.Refused as error:
        raise SignInFailed(str(error)) from error
    except TimeoutError as error:
        raise SignInFailed("the registry takes too long to answer") from error
    except (OSError, HTTPException, ValueError) as error:  # the last: no such host can be
        raise SignInFailed(f"the registry can't be reached: {type(error).__name__}") from error


def _sign_in(get: Get, address: str, who: Headers, username: str) -> None:
    url = f"{address}/v2/"
    first = get(url, {})
    if first.status == 200:
        return  # it asks nobody to sign in
    if first.status != 401:
        raise SignInFailed(f"no registry answers at {address}: HTTP status {first.status}")
    scheme, _, rest = first.challenge.partition(" ")
    if scheme.lower() == "basic":
        status = get(url, who).status
    elif scheme.lower() == "bearer":
        token = _token(get, _asked(rest), address, who, username)
        status = get(url, {"Authorization": f"Bearer {token}"}).status
    else:
        raise SignInFailed("the registry wants a kind of sign-in that is not known here")
    if status != 200:
        raise SignInFailed(_refused(status))


def _token(get: Get, asked: Mapping[str, str], address: str, who: Headers, username: str) -> str:
    realm = asked.get("realm", "")
    schemes = ("https",) if address.startswith("https:") else ("https", "http")
    if urlsplit(realm).scheme not in schemes:  # the password must not leave in clear
        raise SignInFailed("the registry names no safe address to sign in at")
    params = {"account": username}
    params |= {name: text for name in ("service", "scope") if (text := asked.get(name))}
    mark = "&" if urlsplit(realm).query else "?"
    answer = get(f"{realm}{mark}{urlencode(params)}", who)
    if answer.status != 200:
        raise SignInFailed(_refused(answer.status))
    try:
        given = json.loads(answer.body)
        token = given.get("token") or given["access_token"]
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
