"""One call to Podman's API: a connection of its own, a timeout, and failures in our own words."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
import urllib3
from podman.api.client import APIClient, APIResponse
from podman.errors import APIError

from appliance.errors import Unavailable
from appliance.runtime.backend import BackendError, BackendTimeout

_HINT = "the container engine is not running; it is started again by itself"
_CONNECT_S = 5
_LOOK_S = 0.5
_WORDS = 400  # characters of the engine's own message that a user gets to see


class EngineError(BackendError):
    """An answer of 400 and above. status: HTTP number."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(shorten(message))
        self.status = status


def shorten(message: str) -> str:
    """The engine's words on one line, not too many of them."""
    text = " ".join(message.split())
    return text if len(text) <= _WORDS else text[: _WORDS - 1] + "…"


class Engine:
    """Calls below /libpod. Threads share nothing, and no connection outlives its call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._url = f"http+unix://{path}"

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout_s: float = 30,
    ) -> Any:
        """The answer's JSON, None without a body. EngineError, BackendTimeout, Unavailable."""
        self._knock()
        with _translated(), APIClient(base_url=self._url) as client:
            return _parse(_send(client, method, path, params, body, timeout_s))

    def exists(self, path: str) -> bool:
        """Whether GET answers below 400; False on 404."""
        return self.find(path) is not None

    def find(self, path: str) -> Any:
        """As `call("get")`, but None when there is no such thing; {} for an empty answer."""
        try:
            return self.call("get", path) or {}
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    def lines(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        timeout_s: float,
        halt: Callable[[], bool] = lambda: False,
        docker: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """The answer's JSON lines as they come. BackendTimeout after timeout_s, busy or not.

        halt: asked twice a second in a thread of its own, also while nothing comes; the lines end when it says so.
        docker: the path is one of Docker's API, which Podman speaks as well.
        """
        ends = time.monotonic() + timeout_s
        self._knock()
        with _translated(), APIClient(base_url=self._url) as client:
            response = _send(
                client,
                method,
                path,
                params,
                None,
                timeout_s,
                headers=headers,
                stream=True,
                docker=docker,
            )
            # A read timeout counts from the last byte, so a slow drip would never end: shut it from
            # outside.
            alarm = _Alarm(response.raw, ends, halt)
            alarm.start()
            try:
                for line in response.iter_lines():
                    if line:
                        yield json.loads(line)
            except (requests.RequestException, urllib3.exceptions.HTTPError):
                if time.monotonic() < ends and not alarm.halted:
                    raise
            finally:
                alarm.done.set()
                response.close()
        if time.monotonic() >= ends:
            raise BackendTimeout(f"the container engine took longer than {timeout_s:g} s")

    def _knock(self) -> None:
        """podman-py leaves a socket open when nobody listens; find that out before it tries."""
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(_CONNECT_S)
            try:
                knocking.connect(str(self._path))
            except OSError as error:
                raise Unavailable("the container engine can't be reached", hint=_HINT) from error


class _Alarm(threading.Thread):
    """Ends an answer from outside when its time is over or nobody wants it any more."""

    def __init__(self, raw: urllib3.HTTPResponse, ends: float, halt: Callable[[], bool]) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self.halted = False
        self._raw, self._ends, self._halt = raw, ends, halt

    def run(self) -> None:
        while not self.done.wait(min(_LOOK_S, max(0.0, self._ends - time.monotonic()))):
            self.halted = self._halt()
            if self.halted or time.monotonic() >= self._ends:
                with suppress(OSError, ValueError, RuntimeError):  # it ended by itself a moment ago
                    self._raw.shutdown()
                return


def _send(
    client: APIClient,
    method: str,
    path: str,
    params: Mapping[str, Any] | None,
    body: Any,
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
    stream: bool = False,
    docker: bool = False,
) -> APIResponse:
    extra: dict[str, Any] = {"headers": dict(headers)} if headers else {}
    if body is not None:
        extra = {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}}
    send = getattr(client, method)
    return send(path, params=params, timeout=timeout_s, stream=stream, compatible=docker, **extra)


def _parse(response: APIResponse) -> Any:
    if response.status_code >= 400:
        try:
            message = str(response.json()["message"])
        except (ValueError, KeyError, TypeError):
            message = response.text
        raise EngineError(response.status_code, message)
    return response.json() if response.content else None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (APIError, requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if _is_timeout(error):
            raise BackendTimeout("the container engine did not answer in time") from error
        raise Unavailable("the container engine can't be reached", hint=_HINT) from error
    except ValueError as error:
        raise BackendError(f"the container engine answered nonsense: {error}") from error


def _is_timeout(error: BaseException | None) -> bool:
    """podman-py wraps what requests raised, more than once."""
    while error is not None:
        if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
            return True
        error = error.__cause__
    return False
