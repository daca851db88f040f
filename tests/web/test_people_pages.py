"""The profile, the team's page and the admin's users, as somebody at a browser uses them."""

from __future__ import annotations

import html
import re

import pytest

from appliance import api_keys, identity, sessions
from appliance.runtime.tokens import workload_token
from tests.lab import Lab, Person
from tests.person import PASSWORD
from tests.program import Program, signed_in


def shown_once(page: str) -> str:
    found = re.search(r'<pre tabindex="0" aria-label="[^"]+">([^<]+)</pre>', page)
    assert found, page
    return html.unescape(found[1])


def role_of(lab: Lab, person: Person) -> identity.Role | None:
    return identity.role_in(lab.db, lab.team("lab").id, person.user.id)


class TestProfile:
    def test_a_key_is_shown_once_and_revoked(self, lab: Lab, ann: Person) -> None:
        team = lab.team("lab").id
        answer = ann.form("/profile/keys", 200, name="my <laptop>", team=team, expires_in_days="30")
        key = shown_once(answer.text)
        assert Program(lab, key).api("GET", "projects")["items"] == []
        page = ann.page("/profile")
        assert "my &lt;laptop&gt;" in page and key not in page
        (row,) = api_keys.find_all(lab.db, user_id=ann.user.id)
        assert row.expires_ms == lab.clock.now_ms() + 30 * 24 * 3600 * 1000
        ann.form(f"/profile/keys/{row.id}/revoke")
        Program(lab, key).api("GET", "projects", 401)

    def test_for_ever_and_in_another_team(self, lab: Lab, ann: Person) -> None:
        lab.user("ann", "other")
        other = lab.team("other").id
        answer = ann.form("/profile/keys", 200, name="a", team=other, expires_in_days="0")
        session = Program(lab, shown_once(answer.text)).api("GET", "auth/session")
        assert session["team"]["id"] == other
        assert api_keys.find_all(lab.db, team_id=other)[0].expires_ms is None

    @pytest.mark.parametrize(
        ("field", "value", "status"),
        [("name", "", 400), ("expires_in_days", "x", 400), ("team", "tenothere", 404)],
    )
    def test_what_was_typed_stays(
        self, lab: Lab, ann: Person, field: str, value: str, status: int
    ) -> None:
        given = {"name": "kept", "team": lab.team("lab").id, "expires_in_days": "365"}
        page = ann.form("/profile/keys", status, **{**given, field: value}).text
        assert field == "name" or 'value="kept"' in page
        assert field == "expires_in_days" or '<option value="365" selected>' in page
        assert api_keys.find_all(lab.db, user_id=ann.user.id) == []

    def test_it_is_for_browsers(self, lab: Lab, ann: Person) -> None:
        notebook = ann.notebook()
        lab.settle()
        token = workload_token(lab.appliance.keys, lab.workload(notebook).id)
        for program in (signed_in(lab, "ann"), Program(lab, token)):
            assert program.call("GET", "/profile").status_code == 403
            form = {"name": "a", "team": lab.team("lab").id, "expires_in_days": "0"}
            for path in ("keys", "keys/ak1/revoke", "password", "sign-out"):
                answer = program.http.post(
                    f"/profile/{path}",
                    data={**form, "current": PASSWORD, "password": "other words"},
                    headers={"Authorization": f"Bearer {program.key}"},
                )
                assert answer.status_code == 403, path
        assert len(api_keys.find_all(lab.db, user_id=ann.user.id)) == 1

    def test_sign_out_everywhere(self, lab: Lab, ann: Person) -> None:
        again = Person(lab, ann.user)
        again.sign_in()
        ann.form("/profile/sign-out")
        assert sessions.of_user(lab.db, ann.user.id) == []
        assert again.call("GET", "/profile").status_code == 303

    def test_a_new_password(self, lab: Lab, ann: Person) -> None:
        other = Person(lab, ann.user)
        other.sign_in()
        assert (
            "wrong" in ann.form("/profile/password", 401, current="no", password="new words").text
        )
        ann.form("/profile/password", 400, current=PASSWORD, password="short")
        ann.form("/profile/password", current=PASSWORD, password="new words")
        ann.page("/profile")
        assert other.call("GET", "/profile").status_code == 303
        again = Person(lab, ann.user)
        again.sign_in("new words")

    def test_guessing_the_password_is_limited(self, lab: Lab, ann: Person) -> None:
        for _ in range(8):
            ann.form("/profile/password", 401, current="no", password="new words")
        ann.form("/profile/password", 429, current=PASSWORD, password="new words")


class TestTeam:
    def test_add_change_remove(self, lab: Lab) -> None:
        boss, eve = lab.person("boss", role="owner"), lab.person("eve", team="other")
        boss.form("/team/members", user="eve", role="member")
        assert role_of(lab, eve) == "member"
        boss.form(f"/team/members/{eve.user.id}/role", role="admin")
        assert role_of(lab, eve) == "admin"
        boss.form(f"/team/members/{eve.user.id}/remove")
        assert role_of(lab, eve) is None

    def test_what_is_refused_says_why(self, lab: Lab) -> None:
        boss = lab.person("boss", role="owner")
        page = boss.form("/team/members", 404, user="nobody", role="admin").text
        assert "no user &#39;nobody&#39;" in page and 'value="nobody"' in page
        assert '<option value="admin" selected>' in page
        own = f"/team/members/{boss.user.id}"
        assert "a team needs an owner" in boss.form(f"{own}/role", 412, role="member").text
        assert "a team needs an owner" in boss.form(f"{own}/remove", 412).text
        boss.form(f"{own}/role", 400, role="king")

    def test_an_admin_leaves_owners_alone(self, lab: Lab) -> None:
        boss, adm = lab.person("boss", role="owner"), lab.person("adm", role="admin")
        page = adm.page("/team")
        assert f"/team/members/{adm.user.id}/role" in page
        assert f"/team/members/{boss.user.id}/role" not in page
        assert '<option value="owner"' not in page
        adm.form(f"/team/members/{boss.user.id}/role", 403, role="member")
        adm.form(f"/team/members/{adm.user.id}/role", 403, role="owner")

    def test_a_member_only_looks(self, lab: Lab, ann: Person) -> None:
        bob = lab.user("bob")
        page = ann.page("/team")
        assert "bob" in page and "/team/members" not in page
        for path in ("", f"/{bob.id}/role", f"/{bob.id}/remove"):
            ann.form(f"/team/members{path}", 403, user="bob", role="admin")


class TestUsers:
    @pytest.fixture
    def root(self, lab: Lab) -> Person:
        return lab.person("root", admin=True)

    def user(self, lab: Lab, name: str) -> identity.User:
        found = identity.user_by_handle(lab.db, name)
        assert found is not None
        return found

    def test_a_new_user_signs_in_with_the_password_shown(self, lab: Lab, root: Person) -> None:
        given = {"name": "eve", "email": "eve@example.org", "team": "lab", "role": "admin"}
        page = root.form("/admin/users", 200, **given).text
        eve = Person(lab, self.user(lab, "eve"))
        eve.sign_in(shown_once(page))
        assert role_of(lab, eve) == "admin" and not eve.user.is_admin
        assert shown_once(page) not in root.page("/admin/users")
        again = root.form("/admin/users", 409, **given).text
        assert "there is a user eve already" in again and 'value="eve@example.org"' in again

    @pytest.mark.parametrize(
        ("field", "value"), [("name", "A b"), ("email", "x"), ("team", "none"), ("role", "king")]
    )
    def test_what_can_not_be(self, lab: Lab, root: Person, field: str, value: str) -> None:
        given = {"name": "eve", "email": "eve@example.org", "team": "lab", "role": "admin"}
        page = root.form("/admin/users", 404 if field == "team" else 400, **{**given, field: value})
        assert "is-invalid" in page.text and identity.user_by_handle(lab.db, "eve") is None

    def test_a_reset_password(self, lab: Lab, ann: Person, root: Person) -> None:
        password = shown_once(root.form(f"/admin/users/{ann.user.id}/reset", 200).text)
        assert ann.call("GET", "/profile").status_code == 303
        Person(lab, ann.user).sign_in(password)

    def test_out_and_in_again(self, lab: Lab, ann: Person, root: Person) -> None:
        root.form(f"/admin/users/{ann.user.id}/disable")
        assert ann.call("GET", "/profile").status_code == 303
        assert "shut out" in root.page("/admin/users")
        root.form(f"/admin/users/{ann.user.id}/enable")
        Person(lab, ann.user).sign_in()

    def test_the_last_admin_stays(self, lab: Lab, ann: Person, root: Person) -> None:
        for action in ("disable", "drop-admin"):
            page = root.form(f"/admin/users/{root.user.id}/{action}", 412).text
            assert "the only admin" in page
        root.form(f"/admin/users/{ann.user.id}/make-admin")
        root.form(f"/admin/users/{root.user.id}/drop-admin")
        assert self.user(lab, "ann").is_admin and not self.user(lab, "root").is_admin
        root.page("/admin/users", 403)

    def test_admins_only(self, lab: Lab, ann: Person) -> None:
        lab.user("root", admin=True)
        for path in ("", f"/{ann.user.id}/reset", f"/{ann.user.id}/make-admin", "/x/disable"):
            ann.form(f"/admin/users{path}", 403)
        assert "/admin/users" not in ann.page("/")

    def test_nobody_of_that_id(self, root: Person) -> None:
        for action in ("reset", "disable", "enable", "make-admin", "drop-admin"):
            root.form(f"/admin/users/usnothere/{action}", 404)


def test_machine_types_at_the_page(lab: Lab, ann: Person) -> None:
    root = lab.person("root", admin=True)
    root.form("/admin/machine-types", name="P4000", instance_type="C2")
    assert ann.notebook(machine_type="P4000", should_run_on_create=False).machine_type == "C2"
    page = root.form("/admin/machine-types", 409, name="C1", instance_type="C2").text
    assert "C1 is a type of this machine" in page and 'value="C1"' in page
    root.form("/admin/machine-types/reset", name="P4000")
    ann.api("POST", "notebooks", 412, project_id=ann.project(), machine_type="P4000")
    ann.form("/admin/machine-types", 403, name="P4000", instance_type="C2")
