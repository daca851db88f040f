"""Signing in by programs, and who one is."""

from __future__ import annotations

from typing import Any

import pytest

from appliance import identity
from plugins_builtin.auth_password import service as passwords
from tests.lab import Lab, Person
from tests.person import PASSWORD
from tests.program import Program, signed_in


def login(lab: Lab, status: int = 200, **fields: Any) -> Any:
    given = {"user": "ann", "password": PASSWORD, **fields}
    return Program(lab).api("POST", "auth/login", status, **given)


def test_a_key_for_a_password(lab: Lab, ann: Person) -> None:
    made = login(lab, key_name="laptop", expires_in_days=1)
    assert made["team"] == "lab" and made["user"] == "ann"
    (key,) = ann.get("api-keys").items
    assert (key["id"], key["name"]) == (made["id"], "laptop") and key["dtExpires"]
    assert Program(lab, made["key"]).api("GET", "projects")["items"] == []


def test_which_team(lab: Lab, ann: Person) -> None:
    lab.user("ann", "other")
    assert login(lab)["team"] == "lab"
    assert login(lab, team="other")["team"] == "other"
    assert login(lab, team=lab.team("other").id)["team"] == "other"
    lab.team("third")
    assert "your teams: lab, other" in login(lab, 404, team="third")["message"]


def test_wrong_passwords_are_limited_as_at_the_page(
    lab: Lab, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_matches", lambda hashed, text: text == PASSWORD)
    for _ in range(8):
        login(lab, 401, password="wrong")
    login(lab, 429)
    elsewhere = {"X-Forwarded-For": "10.0.0.9"}
    body = {"user": "ann", "password": PASSWORD}
    assert Program(lab).call("POST", "/v1/auth/login", body, **elsewhere).status_code == 200
    lab.clock.advance(301)
    login(lab)


def test_nobody_without_team_or_password(lab: Lab, ann: Person) -> None:
    identity.remove_member(lab.db, lab.team("lab").id, ann.user.id)
    login(lab, 412)
    lab.user("hashless")
    login(lab, 401, user="hashless", password="")


def test_another_site_can_not_sign_in_through_a_visitor(lab: Lab, ann: Person) -> None:
    body = {"user": "ann", "password": PASSWORD}
    answer = Program(lab).call("POST", "/v1/auth/login", body, Origin="http://evil.org")
    assert answer.status_code == 403
    assert ann.http.post("/v1/auth/login", json=body).status_code == 403  # a cookie came along


def test_the_session_of_nobody_is_null(lab: Lab) -> None:
    answer = Program(lab).call("GET", "/v1/auth/session")
    assert answer.status_code == 200 and answer.text.strip() == "null"
    assert Program(lab, "wrong").call("GET", "/v1/auth/session").status_code == 401


def test_the_session_as_rest_v1_has_it(lab: Lab) -> None:
    ann = lab.person("ann", role="admin")
    lab.user("ann", "other", "owner")
    found = ann.get("auth/session")
    team = lab.team("lab")
    assert found.team == {
        "id": team.id, "namespace": "lab", "isPrivate": False, "maxMachines": 0, "analyticsId": team.slot,
    }  # fmt: skip
    user = found.user
    assert user["id"] == ann.user.id and user["email"] == "ann@example.org"
    required = (
        "analyticsId dtConfirmed dtCreated email firstName id isPasswordAuthEnabled isPhoneVerified"
        " isQrCodeBasedMfaConfirmed isQrCodeBasedMfaEnabled lastName metadata teamMemberships"
    )
    assert set(required.split()) <= user.keys() and user["isPasswordAuthEnabled"]
    teams = {one["team"]["namespace"]: one for one in user["teamMemberships"]}
    assert (teams["lab"]["isAdmin"], teams["lab"]["isOwner"]) == (True, False)
    assert teams["other"]["isOwner"]
    assert {"dtCreated", "id", "isUserTeam", "name", "namespace"} <= teams["lab"]["team"].keys()


def test_a_key_sees_its_own_team_only(lab: Lab, ann: Person) -> None:
    lab.user("ann", "other")
    session = signed_in(lab, "ann").api("GET", "auth/session")
    teams = [one["team"]["namespace"] for one in session["user"]["teamMemberships"]]
    assert teams == ["lab"]


def test_the_document_says_that_it_may_be_null(lab: Lab) -> None:
    document = Program(lab).api("GET", "openapi.json")
    operation = document["paths"]["/auth/session"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["anyOf"] == [{"$ref": "#/components/schemas/Session"}, {"type": "null"}]
    assert operation["security"] == []
