"""API keys: what each is good for, and when it stops working."""

from __future__ import annotations

import pytest

from appliance import api_keys, gate, identity
from appliance.access import NOBODY
from appliance.db import write
from appliance.runtime import holders, worker
from appliance.runtime.tokens import workload_token
from plugins_builtin.teams import service as teams
from tests.lab import Lab, Person
from tests.program import Program, signed_in

DAY_S = 24 * 3600


@pytest.fixture
def program(lab: Lab, ann: Person) -> Program:
    return signed_in(lab, "ann")


def made(lab: Lab, person: Person, **fields: object) -> Program:
    return Program(lab, person.post("api-keys", **{"name": "laptop", **fields}).key)


def status(program: Program, **headers: str) -> int:
    return program.call("GET", "/v1/projects", **headers).status_code


def test_the_key_is_shown_once_and_stored_nowhere(lab: Lab, ann: Person) -> None:
    new = ann.post("api-keys", name="laptop")
    assert new.key.startswith("ak-") and len(new.key) > 40 and new.dt_expires is None
    listed = ann.get("api-keys").items
    assert [one["id"] for one in listed] == [new.id] and "key" not in listed[0]
    assert new.key not in "\n".join(lab.db.conn.iterdump())


@pytest.mark.parametrize("header", ["Bearer {}", "token {}", "bearer  {}"])
def test_ways_to_send_it(lab: Lab, program: Program, header: str) -> None:
    nobody = Program(lab)
    assert status(nobody, Authorization=header.format(program.key)) == 200
    assert status(nobody, **{"X-API-Key": program.key}) == 200
    assert status(nobody, Authorization=f"Basic {program.key}") == 401
    assert status(nobody, **{"X-API-Key": program.key + "x"}) == 401


def test_a_wrong_key_is_not_saved_by_a_session(ann: Person) -> None:
    for header in ({"X-API-Key": "x"}, {"Authorization": "Bearer x"}):
        assert ann.call("GET", "/v1/projects", headers=header).status_code == 401


def test_a_change_by_key_needs_no_form_token_but_our_origin(program: Program) -> None:
    body = {"name": "by key"}
    assert program.call("POST", "/v1/projects", body).status_code == 200
    assert program.call("POST", "/v1/projects", body, Origin="http://evil.org").status_code == 403


def test_it_works_in_its_team_only(lab: Lab, ann: Person, program: Program) -> None:
    lab.user("ann", "other")
    ann.form("/teams/switch", team=lab.team("other").id)
    there = ann.project("there")
    assert program.api("GET", "projects")["items"] == []
    program.api("GET", f"projects/{there}", 404)
    program.api("GET", f"teams/{lab.team('other').id}/users", 404)
    key = made(lab, ann)
    assert [one["id"] for one in key.api("GET", "projects")["items"]] == [there]
    assert key.api("GET", "auth/session")["team"]["id"] == lab.team("other").id


def test_last_use_is_noted_once_a_minute(lab: Lab, ann: Person) -> None:
    program = made(lab, ann)

    def used() -> object:
        return ann.get("api-keys").items[0]["dtLastUsed"]

    assert used() is None
    status(program)
    first = used()
    lab.clock.advance(30)
    status(program)
    assert used() == first is not None
    lab.clock.advance(31)
    status(program)
    assert used() != first


def test_it_expires(lab: Lab, ann: Person) -> None:
    program = made(lab, ann, expires_in_days=2)
    lab.clock.advance(2 * DAY_S - 1)
    assert status(program) == 200
    lab.clock.advance(1)
    assert status(program) == 401
    with write(lab.db) as db:  # a new one of the same user sweeps it away
        api_keys.add(db, ann.user.id, lab.team("lab").id, "new", None)
    assert [key.name for key in api_keys.find_all(lab.db, user_id=ann.user.id)] == ["new"]


@pytest.mark.parametrize("days", [0, -1, 3651, "x"])
def test_lifetimes_that_are_none(ann: Person, days: object) -> None:
    ann.api("POST", "api-keys", 400, name="a", expires_in_days=days)


def test_revoking_works_at_the_next_request(lab: Lab, ann: Person, program: Program) -> None:
    key = ann.get("api-keys").items[0]
    program.api("DELETE", f"api-keys/{key['id']}")  # as signing out on the command line does
    assert status(program) == 401
    ann.api("DELETE", f"api-keys/{key['id']}", 404)


def test_a_disabled_user_has_no_keys_until_enabled(lab: Lab, ann: Person, program: Program) -> None:
    identity.set_disabled(lab.db, ann.user.id, True)
    assert status(program) == 401
    identity.set_disabled(lab.db, ann.user.id, False)
    assert status(program) == 200


def test_a_member_who_comes_back_gets_no_old_keys(lab: Lab, ann: Person, program: Program) -> None:
    lab.user("boss", role="owner")
    teams.remove_member(lab.acting("boss"), lab.team("lab").id, ann.user.id)
    assert status(program) == 401
    lab.user("ann")
    assert status(program) == 401


class TestWhoMakesAndEndsThem:
    def test_a_key_makes_none(self, program: Program) -> None:
        assert "browser's session" in program.api("POST", "api-keys", 403, name="a")["message"]

    def test_a_workload_has_no_say(self, lab: Lab, ann: Person) -> None:
        notebook = ann.notebook()
        lab.settle()
        key = ann.post("api-keys", name="a").id
        inside = Program(lab, workload_token(lab.appliance.keys, lab.workload(notebook).id))
        inside.api("POST", "api-keys", 403, name="a")
        inside.api("GET", "api-keys", 403)
        inside.api("DELETE", f"api-keys/{key}", 403)

    def test_members_see_and_end_their_own(self, lab: Lab, ann: Person) -> None:
        key, bob = ann.post("api-keys", name="a").id, lab.person("bob")
        assert bob.get("api-keys").items == []
        bob.api("GET", f"teams/{lab.team('lab').id}/api-keys", 403)
        bob.api("DELETE", f"api-keys/{key}", 404)
        eve = lab.person("eve", team="other", role="owner", admin=True)
        there = eve.api("DELETE", f"api-keys/{key}", 404)
        assert there == eve.api("DELETE", "api-keys/aknothere", 404)

    def test_an_admin_of_the_team_ends_everybodys(self, lab: Lab, ann: Person) -> None:
        program, boss = made(lab, ann), lab.person("boss", role="admin")
        keys = f"teams/{lab.team('lab').id}/api-keys"
        key = boss.get(keys).items[0]
        assert key["user"]["email"] == "ann@example.org"
        lab.user("boss", "other", "owner")
        boss.api("DELETE", f"teams/{lab.team('other').id}/api-keys/{key['id']}", 404)
        boss.api("DELETE", f"{keys}/{key['id']}")
        assert status(program) == 401

    def test_not_without_end(self, lab: Lab, ann: Person) -> None:
        with write(lab.db) as db:
            for number in range(100):
                api_keys.add(db, ann.user.id, lab.team("lab").id, str(number), None)
        ann.api("POST", "api-keys", 412, name="one more")


def test_pages_of_keys(lab: Lab, ann: Person) -> None:
    for name in ("a", "b", "c"):
        ann.post("api-keys", name=name)
    page = ann.get("api-keys?limit=2")
    rest = ann.get(f"api-keys?limit=2&after={page.next_page}")
    assert [one["name"] for one in (*page.items, *rest.items)] == ["c", "b", "a"]
    assert rest.next_page is None
    for after in ("x", "-1", "9" * 19):
        ann.api("GET", f"api-keys?after={after}", 400)


def test_at_the_gateway_until_it_is_revoked(lab: Lab, ann: Person, program: Program) -> None:
    notebook = ann.notebook()
    lab.settle()
    headers = {
        "X-Appliance-Via": "gateway",
        "X-Service": f"n/{notebook.id}",
        "X-Client": "10.0.0.5:51234",
        "X-Server": "10.0.0.1:8080",
    }
    assert program.call("GET", "/internal/authorize", **headers).status_code == 200
    worker.review_connections(lab.system)
    (held,) = holders.all_connections(lab.db)
    assert held.user_id == ann.user.id and not held.closing
    ann.api("DELETE", f"api-keys/{held.credential}")
    assert gate.by_credential(lab.db, held.credential) is NOBODY
    worker.review_connections(lab.system)
    assert holders.all_connections(lab.db)[0].closing
    assert program.call("GET", "/internal/authorize", **headers).status_code == 401
