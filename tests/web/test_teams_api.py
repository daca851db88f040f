"""Members of teams at the API: lists, roles, and who may change them."""

from __future__ import annotations

import pytest

from appliance.identity import Role, role_in
from tests.lab import Lab, Person


@pytest.fixture
def users(lab: Lab) -> str:
    return f"teams/{lab.team('lab').id}/users"


def test_a_list_by_role_and_in_pages(lab: Lab, users: str) -> None:
    boss = lab.person("boss", role="owner")
    lab.user("adm", role="admin")
    for name in ("zoe", "bob"):
        lab.user(name)

    def emails(query: str) -> list[str]:
        return [item["user"]["email"].partition("@")[0] for item in boss.get(users + query).items]

    assert emails("?order=asc") == ["boss", "adm", "zoe", "bob"]
    assert emails("?orderBy=dtConfirmed&order=desc") == ["bob", "zoe", "adm", "boss"]
    assert emails("?role=member&order=asc") == ["zoe", "bob"]
    assert emails("?role=owner") == ["boss"]
    page = boss.get(f"{users}?limit=3")
    boss.api("DELETE", f"{users}/{page.items[2]['user']['id']}")  # the next page goes on behind it
    assert emails(f"?limit=3&after={page.next_page}") == ["boss"]
    boss.api("GET", f"{users}?role=king", 400)


def test_what_a_change_answers(lab: Lab, users: str) -> None:
    boss, bob = lab.person("boss", role="owner"), lab.user("bob")
    changed = boss.api("PUT", f"{users}/{bob.id}", is_admin=True)
    assert set(changed) == {"isAdmin", "isOwner", "dtConfirmed", "dtDeleted"}
    assert changed["isAdmin"] and not changed["isOwner"] and changed["dtDeleted"] is None
    assert not boss.api("PUT", f"{users}/{bob.id}")["isAdmin"]  # false is dropped on the way
    assert boss.api("DELETE", f"{users}/{bob.id}")["dtDeleted"]


@pytest.mark.parametrize("by", ["handle", "id"])
def test_adding_somebody(lab: Lab, users: str, by: str) -> None:
    boss, eve = lab.person("boss", role="admin"), lab.user("eve", "other")
    added = boss.api("POST", users, user=getattr(eve, by))
    assert added["user"]["id"] == eve.id and not added["isAdmin"]
    boss.api("POST", users, 409, user="eve")
    message = boss.api("POST", users, 404, user="nobody")["message"]
    assert "no user 'nobody'" in message


def test_only_owners_make_and_unmake_owners(lab: Lab, users: str) -> None:
    boss, adm = lab.person("boss", role="owner"), lab.person("adm", role="admin")
    lab.user("eve", "other")
    adm.api("POST", users, 403, user="eve", role="owner")
    adm.api("DELETE", f"{users}/{boss.user.id}", 403)
    boss.api("POST", users, user="eve", role="owner")
    assert role_of(lab, "eve") == "owner"
    boss.api("DELETE", f"{users}/{boss.user.id}")  # eve is one, too
    assert role_of(lab, "boss") is None


def role_of(lab: Lab, handle: str) -> Role | None:
    return role_in(lab.db, lab.team("lab").id, lab.user(handle, "elsewhere").id)


def test_a_member_adds_nobody(lab: Lab, ann: Person, users: str) -> None:
    lab.user("eve", "other")
    ann.api("POST", users, 403, user="eve")
