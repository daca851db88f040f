"""Who may do what: the roles, and those who have none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from appliance import identity
from appliance.access import NOBODY, SYSTEM, Principal, require, require_admin
from appliance.context import Context
from appliance.db import write
from appliance.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unauthenticated
from tests.lab import Lab

OK = "ok"
NEEDS = {"projects.get": "member", "projects.delete": "admin"}

# who -> (a member's permission, an admin's permission) on the project of the team `lab`
TABLE: dict[str, tuple[Any, Any]] = {
    "owner": (OK, OK),
    "admin": (OK, OK),
    "member": (OK, Forbidden),
    "stranger": (NotFound, NotFound),
    "other team's owner": (NotFound, NotFound),
    "removed": (NotFound, NotFound),
    "disabled": (NotFound, NotFound),
    "admin of the appliance": (NotFound, NotFound),
    "workload": (OK, Forbidden),
    "workload of another project": (NotFound, NotFound),
    "workload of a removed user": (NotFound, NotFound),
    "system": (OK, OK),
    "nobody": (Unauthenticated, Unauthenticated),
}


def as_user(lab: Lab, user: identity.User) -> Context:
    team = lab.team("lab").id
    return lab.appliance.context(Principal("user", user.id, user.handle, team, user.is_admin))


def context_of(lab: Lab, who: str, project: str) -> Context:
    if who in ("nobody", "system"):
        return lab.appliance.context(NOBODY if who == "nobody" else SYSTEM)
    if who in ("owner", "admin", "member"):
        return as_user(lab, lab.user("x", role=who))  # type: ignore[arg-type]
    if who.startswith("workload"):
        user = lab.user("x")
        if "removed" in who:
            identity.remove_member(lab.db, lab.team("lab").id, user.id)
        place = "prelse" if "another" in who else project
        ctx = as_user(lab, user)
        return ctx.acting_as(replace(ctx.principal, kind="workload", project_id=place))
    if who in ("removed", "disabled"):
        user = lab.user("x", role="owner")
        if who == "removed":
            identity.remove_member(lab.db, lab.team("lab").id, user.id)
        else:
            identity.set_disabled(lab.db, user.id, True)
        return as_user(lab, user)
    team = {"other team's owner": "other"}.get(who, "third")
    return as_user(lab, lab.user("x", team, "owner", admin=who == "admin of the appliance"))


@pytest.fixture
def project(lab: Lab) -> str:
    team = lab.team("lab").id
    with write(lab.db) as db:
        identity.place_project(db, "prabcdefg", team)
        identity.place_project(db, "prelse", team)
    return "prabcdefg"


@pytest.mark.parametrize("permission", list(NEEDS))
@pytest.mark.parametrize("who", list(TABLE))
def test_roles(lab: Lab, project: str, who: str, permission: str) -> None:
    expected = TABLE[who][list(NEEDS).index(permission)]
    ctx = context_of(lab, who, project)
    if expected == OK:
        assert require(ctx, permission, project_id=project) == lab.team("lab").id
    else:
        with pytest.raises(expected):
            require(ctx, permission, project_id=project)


def test_the_table_agrees_with_what_plugins_declare(lab: Lab) -> None:
    assert {name: lab.appliance.registry.permissions[name] for name in NEEDS} == NEEDS


def test_strangers_hear_the_same_of_what_is_and_what_is_not(lab: Lab, project: str) -> None:
    ctx = context_of(lab, "stranger", project)
    answers = []
    for project_id in (project, "prnothere"):
        with pytest.raises(NotFound) as found:
            require(ctx, "projects.get", project_id=project_id)
        answers.append(str(found.value))
    assert answers[0] == answers[1]


def test_a_workload_has_no_say_in_its_team(lab: Lab, project: str) -> None:
    with pytest.raises(NotFound):
        require(context_of(lab, "workload", project), "teams.members", team_id=lab.team("lab").id)


def test_a_permission_nobody_declared_is_a_bug(lab: Lab, project: str) -> None:
    with pytest.raises(KeyError):
        require(context_of(lab, "owner", project), "projects.typo", project_id=project)


def test_admin_of_the_appliance(lab: Lab) -> None:
    assert require_admin(as_user(lab, lab.user("root", admin=True))).is_admin
    assert require_admin(lab.system) is SYSTEM
    with pytest.raises(Forbidden):
        require_admin(as_user(lab, lab.user("boss", role="owner")))
    with pytest.raises(Unauthenticated):
        require_admin(lab.appliance.context(NOBODY))


@pytest.mark.parametrize("name", ["", "A", "a_b", "a--b", "-a", "a-", "a b", "é", "a\n", "a" * 40])
def test_names_that_are_none(lab: Lab, name: str) -> None:
    with pytest.raises(Invalid):
        identity.add_user(lab.db, name, "", False)
    with pytest.raises(Invalid):
        identity.add_team(lab.db, name, "")


def test_names_are_taken_once(lab: Lab) -> None:
    lab.user("ann")
    with pytest.raises(Conflict):
        identity.add_user(lab.db, "ann", "", False)
    with pytest.raises(Conflict):
        identity.add_team(lab.db, "lab", "")
    with pytest.raises(Invalid):
        identity.set_member(lab.db, lab.team("lab").id, "us1", "king")  # type: ignore[arg-type]


def test_every_team_has_a_slot_of_its_own_until_all_are_taken(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "TEAMS_PER_SLOT", 3)
    assert [lab.team(name).slot for name in ("a1", "b2", "c3")] == [1, 2, 3]
    with pytest.raises(Refused):
        lab.team("d4")
