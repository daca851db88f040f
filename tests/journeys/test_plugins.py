"""Plugins on a real appliance: dropped in while it runs, broken ones, packages; nobody stops anything by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.journeys.client import Person
from tests.journeys.conftest import SignIn
from tests.journeys.instance import Instance

pytestmark = pytest.mark.containers

GOOD = """
import os
from appliance.plugins import *
from appliance.schema import Reply

INFO = PluginInfo("hello", title="Hello")

class Greeting(Reply):
    text: str
    uid: int

def greet(ctx) -> Greeting:
    return Greeting(text="hello", uid=os.getuid())

@hookimpl
def register_api_resources():
    verb = Verb("get", "GET", "/hello", greet, access="user")
    return [ApiResource("hello", "", Greeting, (verb,))]
"""
PATIENCE_S = 120.0


def until(look: Callable[[], bool]) -> None:
    """The web is not there while it starts again."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if look():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def folder(appliance: Instance) -> Path:
    return appliance.config.paths.plugins


def plugins(admin: Person) -> dict[str, str]:
    answer = admin.request("GET", "/v1/plugins")
    if answer.status_code != 200:
        return {}
    return {one["name"]: f"{one['state']} {one['reason']}" for one in answer.json()}


def test_a_file_is_taken_into_use_while_everything_runs(
    appliance: Instance, admin: Person, folder: Path
) -> None:
    before = {name: appliance.pid_of(name) for name in ("web", "stream", "worker", "supervisor")}
    (folder / "broken.py").write_text("import no_such_thing")
    (folder / "hello.py").write_text(GOOD)
    until(lambda: admin.request("GET", "/v1/hello").status_code == 200)
    answer = admin.api("GET", "/hello")
    assert answer == {"text": "hello", "uid": appliance.config.web_uid}
    until(lambda: "No module named" in plugins(admin).get("broken", ""))
    assert all(appliance.pid_of(name) != before[name] for name in ("web", "worker"))
    assert appliance.pid_of("supervisor") == before["supervisor"]  # it loads no plugins
    (folder / "hello.py").unlink()
    (folder / "broken.py").unlink()
    until(lambda: admin.request("GET", "/v1/hello").status_code == 404)
    until(lambda: not {"hello", "broken"} & set(plugins(admin) or {"hello": ""}))


def test_switched_off_and_on(appliance: Instance, admin: Person, folder: Path) -> None:
    (folder / "hello.py").write_text(GOOD)
    until(lambda: admin.request("GET", "/v1/hello").status_code == 200)
    admin.api("POST", "/plugins/hello/disable")
    until(lambda: admin.request("GET", "/v1/hello").status_code == 404)
    admin.api("POST", "/plugins/hello/enable")
    until(lambda: admin.request("GET", "/v1/hello").status_code == 200)
    (folder / "hello.py").unlink()
    until(lambda: admin.request("GET", "/v1/hello").status_code == 404)


def test_the_health_page_sees_every_thread_turn(admin: Person) -> None:
    def turning() -> bool:
        answer = admin.request("GET", "/v1/status")
        loops = answer.json()["loops"] if answer.status_code == 200 else []
        names = {loop["name"] for loop in loops if not loop["late"] and not loop["error"]}
        return {
            "connections",
            "plugins",
            "supervisor",
            "supervisor logs",
            "supervisor host",
        } <= names

    until(turning)


def test_a_member_sees_none_of_it(appliance: Instance, sign_in: SignIn) -> None:
    password = appliance.add_user("memberonly", "lab")
    member = sign_in("memberonly", password)
    assert member.request("GET", "/admin/health").status_code == 403
    assert member.request("GET", "/v1/plugins").status_code == 403
