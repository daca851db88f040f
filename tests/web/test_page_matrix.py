"""The authorisation matrix of pages: every page and every form by every kind of caller.

Pages are no verbs, so what each of them needs stands in tests/web/doors.py; a new page fails here until it stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from appliance import identity
from appliance.access import RANK
from tests.lab import opened
from tests.web.doors import DOORS, Door
from tests.web.matrix import Caller, World
from tests.web.supervising import files_served

WORKED = (200, 204, 303, 409, 412)  # let in; what it asked for may still be impossible just now
ASKS_SUPERVISOR = {
    f"notebooks.{page}"
    for page in (
        "files", "download", "view", "file_change", "file_folder", "file_remove", "file_rename", "file_take",
    )
}  # fmt: skip
CELLS = [
    pytest.param(endpoint, door, id=f"{endpoint}-{number}")
    for endpoint, doors in DOORS.items()
    for number, door in enumerate(doors if isinstance(doors, tuple) else (doors,))
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with opened() as lab:
        made = World(lab)
        (lab.config.paths.notebooks / made.values["notebook_id"] / "a.txt").write_text("hello")
        yield made


def page_rules(world: World) -> dict[str, Rule]:
    """All pages and forms, by endpoint."""
    rules = world.lab.app.url_map.iter_rules()
    found = {r.endpoint: r for r in rules if not r.rule.startswith(("/v1/", "/internal/"))}
    found.pop("static", None)
    return found


def expected(door: Door, caller: Caller, method: str) -> tuple[int, ...]:
    """What the declaration says that this caller gets."""
    if caller.by in ("key", "workload"):
        return (403,)
    let_in = (*WORKED, *door.answers)
    if door.who == "anybody":
        return let_in
    if not caller.by:
        return (303,) if method == "GET" else (401,)
    if door.who == "admin":
        return let_in if caller.appliance_admin else (403,)
    if door.who == "user":
        return let_in
    role = caller.role or ("owner" if door.who == "own" else "")  # strangers own their own teams
    if not role:
        return (404,)
    return let_in if RANK[role] >= RANK[door.role] else (403,)


def values_for(world: World, caller: Caller) -> dict[str, str]:
    """What names in paths and `$name` in forms stand for."""
    lab, own_team = world.lab, world.values["team_id"]
    if caller.person is not None:
        own_team = identity.teams_of(lab.db, caller.person.user.id)[0].id
    return {
        **world.values,
        **caller.things,
        "own_team": own_team,
        "workload_id": lab.workload(world.values["notebook_id"]).id,
        "kind": "n",
        "target": world.values["notebook_id"],
        "provider": "password",
        "scope": "team",
        "switch": "on",
        "listener": "ghost",
        "event_id": "1",
    }


def call(world: World, caller: Caller, rule: Rule, method: str, door: Door) -> TestResponse:
    """The request, with the cookie of a browser that keeps nothing of the answer."""
    known = {**values_for(world, caller), **door.values}
    path = rule.rule
    for name in rule.arguments:
        path = re.sub(f"<([a-z]+:)?{name}>", known[name], path)
    form = {name: known[text[1:]] if text[:1] == "$" else text for name, text in door.form.items()}
    headers: Mapping[str, str] = caller.headers
    if not caller.headers:
        form["csrf_token"] = world.lab.appliance.keys.mac("csrf", "")
    if caller.person is not None:
        cookie = caller.person.http.get_cookie("appliance_session")
        assert cookie is not None
        headers = {"Cookie": f"{cookie.key}={cookie.value}"}
        form["csrf_token"] = caller.person.csrf
    client = world.lab.app.test_client(use_cookies=False)
    sent = form if method == "POST" else None
    return client.open(path, method=method, query_string=door.query, headers=headers, data=sent)


@pytest.mark.parametrize(("endpoint", "door"), CELLS)
def test_every_caller_gets_what_the_declaration_says(
    world: World, endpoint: str, door: Door
) -> None:
    rule = page_rules(world)[endpoint]
    method = "GET" if "GET" in (rule.methods or ()) else "POST"
    wrong = []
    for caller in world.callers:
        with world.unchanged(), ExitStack() as stack:
            if endpoint in ASKS_SUPERVISOR:
                stack.enter_context(files_served(world.lab))
            answer = call(world, caller, rule, method, door)
        wanted = expected(door, caller, method)
        if answer.status_code not in wanted:
            wrong.append(f"{caller.name}: {answer.status_code} not {wanted}: {answer.text[-300:]}")
        to_sign_in = answer.headers.get("Location", "").startswith("/login?next=")
        assert to_sign_in == (not caller.by and wanted == (303,)), caller.name
    assert not wrong, "\n".join([f"{method} {rule.rule}", *wrong])


def test_every_page_is_declared(world: World) -> None:
    assert page_rules(world).keys() == DOORS.keys()
    for endpoint, rule in page_rules(world).items():
        assert len((rule.methods or set()) - {"HEAD", "OPTIONS"}) == 1, endpoint
