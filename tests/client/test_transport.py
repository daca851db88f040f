"""What a client does when the server is away, busy, or something else entirely."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from appliance import errors
from appliance.client.document import Request
from appliance.client.transport import LONGEST_DELAY_S, TRIES, Transport, Unreachable

GET, POST = Request("GET", "/x", {}, None), Request("POST", "/x", {}, {})
Step = httpx.Response | Exception


class Script:
    """A server that plays its answers in order, the last one for ever."""

    def __init__(self, *steps: Callable[[], Step]) -> None:
        self.steps, self.asked, self.slept = list(steps), 0, list[float]()

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        found = (self.steps.pop(0) if len(self.steps) > 1 else self.steps[0])()
        if isinstance(found, Exception):
            raise found
        return found

    def transport(self) -> Transport:
        http = httpx.MockTransport(self.answer)
        return Transport("http://there", "key", http=http, pause=self.slept.append)


def refused() -> Step:
    return httpx.ConnectError("connection refused")


def torn() -> Step:
    return httpx.ReadError("connection reset")


def status(code: int, **headers: str) -> Callable[[], Step]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: httpx.Response(
        code, json={"code": "X", "message": f"said {code}"}, headers=named
    )


def fine() -> Step:
    return httpx.Response(200, json=[1])


@pytest.mark.parametrize(
    "trouble", [refused, torn, status(502), status(503), status(504), status(429)]
)
def test_reading_is_tried_again(trouble: Callable[[], Step]) -> None:
    script = Script(trouble, trouble, fine)
    assert script.transport().send(GET).json() == [1]
    assert script.asked == 3 and 0 < script.slept[0] < script.slept[1] * 2


@pytest.mark.parametrize("trouble", [refused, torn, status(503), status(429)])
def test_changes_are_sent_once(trouble: Callable[[], Step]) -> None:
    script = Script(trouble, fine)
    with pytest.raises(errors.ApplianceError):
        script.transport().send(POST)
    assert script.asked == 1 and script.slept == []


def test_it_gives_up_and_says_who_is_away() -> None:
    script = Script(refused)
    with pytest.raises(Unreachable, match="http://there can't be reached .connection refused"):
        script.transport().send(GET)
    assert script.asked == TRIES


def test_it_waits_as_long_as_it_is_asked_to_but_not_for_ever() -> None:
    script = Script(status(429, Retry_After="3"), status(429, Retry_After="86400"), fine)
    script.transport().send(GET)
    assert script.slept == [3.0, LONGEST_DELAY_S]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, errors.Invalid),
        (401, errors.Unauthenticated),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.Invalid),
        (409, errors.Conflict),
        (412, errors.Refused),
        (429, errors.TooMany),
        (500, errors.ApplianceError),
        (503, errors.Unavailable),
    ],
)
def test_errors_by_class(code: int, kind: type[errors.ApplianceError]) -> None:
    with pytest.raises(errors.ApplianceError, match=f"said {code}") as caught:
        Script(status(code)).transport().send(POST)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "page",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(404, text="nginx"),
        httpx.Response(403, json={"detail": "no"}),
        httpx.Response(301, headers={"Location": "https://there/v1/x"}),
    ],
)
def test_something_else_listens_there(page: httpx.Response) -> None:
    with pytest.raises(Unreachable, match="is no appliance"):
        Script(lambda: page).transport().send(POST)


def test_a_proxy_without_its_server_is_not_ready() -> None:
    with pytest.raises(errors.Unavailable, match="not ready"):
        Script(lambda: httpx.Response(502, text="<html>")).transport().send(POST)


def test_the_key_goes_along() -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200, json=[])

    Transport("http://there", "k1", http=httpx.MockTransport(answer)).send(GET)
    assert seen == ["Bearer k1"]
