"""The authorisation matrix, made from the declarations: every verb of the API by every kind of caller.

What a cell must answer follows from the declaration alone; what it does answer comes from the service. A new verb is in it
by itself, and fails until tests/web/bodies.py has a body for it and tests/web/matrix.py a thing for each name in its path.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.access import RANK
from appliance.plugins.contracts import ApiResource, Verb
from appliance.plugins.registry import permission_of
from appliance.web.openapi import path_names
from tests.lab import opened, registry
from tests.web.bodies import BODIES
from tests.web.matrix import Caller, World

VERBS = [
    pytest.param(resource, verb, id=f"{resource.name}.{verb.name}")
    for resource in registry().api_resources.values()
    for verb in resource.verbs
]
WORKED = (200, 409, 412)  # let in; what it asked for may still be impossible just now


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with opened() as lab:
        yield World(lab)


def expected(resource: ApiResource, verb: Verb, caller: Caller) -> tuple[int, ...]:
    """What the declaration says that this caller gets."""
    if verb.access == "public":
        return WORKED
    if not caller.by:
        return (401,)
    if verb.access == "admin" and not caller.appliance_admin:
        return (403,)
    if caller.by not in verb.by:
        return (403,)
    if verb.access in ("user", "admin"):
        return WORKED
    if not names_a_thing(resource, verb):  # the caller's own team
        return WORKED if has_role(verb, caller.role or "owner") else (403,)
    if not caller.role or not caller.own:
        return (404,)
    return WORKED if has_role(verb, caller.role) else (403,)


def names_a_thing(resource: ApiResource, verb: Verb) -> bool:
    """Whether the request is about something of the team `lab`, rather than of whoever asks."""
    body = BODIES.get(f"{resource.name}.{verb.name}", {})
    return bool(path_names(verb)) or any(str(value).startswith("$") for value in body.values())


def has_role(verb: Verb, role: str) -> bool:
    return RANK[role] >= RANK[verb.role]


@pytest.mark.parametrize(("resource", "verb"), VERBS)
def test_every_caller_gets_what_the_declaration_says(
    world: World, resource: ApiResource, verb: Verb
) -> None:
    wrong = []
    for caller in world.callers:
        method, path, body = world.request(resource, verb, caller)
        with world.unchanged():
            answer = caller.call(world.lab, method, path, body)
        wanted = expected(resource, verb, caller)
        if answer.status_code not in wanted:
            wrong.append(f"{caller.name}: {answer.status_code} not {wanted}: {answer.text[:150]}")
    assert not wrong, "\n".join([f"{verb.method} {verb.path}", *wrong])


@pytest.mark.parametrize(("resource", "verb"), VERBS)
def test_every_permission_has_a_role(world: World, resource: ApiResource, verb: Verb) -> None:
    assert world.lab.appliance.registry.permissions[permission_of(resource, verb)] == verb.role


def test_every_caller_is_there(world: World) -> None:
    kinds = {(caller.by, caller.role) for caller in world.callers}
    assert {("", ""), ("session", "owner"), ("session", "member"), ("session", "")} <= kinds
    assert {("key", "owner"), ("key", "member"), ("key", "")} <= kinds
    assert {("workload", "member"), ("workload", "")} <= kinds
