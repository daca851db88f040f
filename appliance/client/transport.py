"""HTTP with one appliance: retries where that is safe, and errors by class."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from appliance import __version__
from appliance.client.document import Request
from appliance.errors import (
    ApplianceError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    TooMany,
    Unauthenticated,
    Unavailable,
)

TRIES = 4
FIRST_DELAY_S, LONGEST_DELAY_S = 0.25, 8.0
CONNECT_S = 10.0
BUSY = (429, 502, 503, 504)
ERRORS: Mapping[int, type[ApplianceError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Refused,
    429: TooMany,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


class Unreachable(Unavailable):
    """Nobody answered, or not an appliance."""


class Transport:
    """Requests below URL/v1. Blocks; one may be used by several threads. Unauthenticated for what can't be a key.

    timeout_s: for each wait of a request, not for a call as a whole. pause: how to sleep between tries.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        timeout_s: float = 30.0,
        http: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"User-Agent": f"appliance/{__version__}", "Accept": "application/json"}
        if not (key.isascii() and key.isprintable()):  # httpx's own error would show it
            raise Unauthenticated("this can't be an API key", hint="copy it again")
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self.url = url
        self._pause = pause
        # to know the world's authorities takes longer than a call; whoever speaks no TLS needs to trust nobody
        trust = (
            True if url.lower().startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        self._http = httpx.Client(
            verify=trust,
            base_url=f"{url}/v1",
            headers=headers,
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)),
            transport=http,
        )

    def close(self) -> None:
        self._http.close()

    def send(self, request: Request) -> httpx.Response:
        """The answer to a request that worked; else the error of its class, with the server's words.

        What changes nothing (GET) is tried again when the server is away or busy; nothing else is, since it may have
        been done.
        """
        tries = TRIES if request.method == "GET" else 1
        for number in range(1, tries + 1):
            last = number == tries
            try:
                answer = self._once(request)
            except httpx.TransportError as error:
                if last or isinstance(error, httpx.UnsupportedProtocol):
                    raise self._unreachable(error) from None
                self._pause(_delay_s(number))
                continue
            if answer.status_code not in BUSY or last:
                return self._checked(answer)
            self._pause(_asked_s(answer) or _delay_s(number))
        raise AssertionError("the last try returns or raises")

    def _once(self, request: Request) -> httpx.Response:
        return self._http.request(
            request.method, request.path, params=dict(request.query), json=request.body
        )

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        reason = str(error) or type(error).__name__
        hint = "check the address, and whether the appliance runs"
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            hint = "set SSL_CERT_FILE to the certificate that the appliance was started with"
        return Unreachable(f"{self.url} can't be reached ({reason})", hint=hint)

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success and _json(answer) is not _NONE:
            return answer
        body = _json(answer)
        if answer.status_code in (502, 503, 504) and body is _NONE:
            raise Unavailable(
                f"the appliance at {self.url} is not ready (HTTP {answer.status_code})",
                hint="try again in a moment",
            )
        if not (isinstance(body, dict) and isinstance(body.get("message"), str)):
            target = answer.headers.get("Location", "")
            raise Unreachable(
                f"{self.url} is no appliance: it answers HTTP {answer.status_code}",
                hint=f"try {target}" if target else "check the URL",
            )
        default = Invalid if answer.is_client_error else ApplianceError
        kind = ERRORS.get(answer.status_code, default)
        issues = [item.get("message", "") for item in body.get("issues", ())]
        raise kind(body["message"], issues=tuple(issues))


_NONE = object()


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return _NONE


def _delay_s(number: int) -> float:
    """Twice as long each time; by chance a little less, so that many clients do not come back at once."""
    longest = min(FIRST_DELAY_S * 2 ** (number - 1), LONGEST_DELAY_S)
    return longest * random.uniform(0.5, 1.0)


def _asked_s(answer: httpx.Response) -> float:
    """What the server asked to wait; 0 when it did not say, and never longer than we would."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), LONGEST_DELAY_S) if text.isdigit() else 0.0
