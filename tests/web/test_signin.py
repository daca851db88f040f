"""Signing in, and what keeps other sites from speaking in a user's name."""

from __future__ import annotations

from dataclasses import replace
from http.cookies import SimpleCookie

import pytest

from appliance import identity
from appliance.app import create_app
from plugins_builtin.auth_password import service as passwords
from tests.lab import Lab, Person
from tests.person import PASSWORD, csrf_of

SESSION = "appliance_session"


def attempt(lab: Lab, password: str, user: str = "ann", address: str = "10.0.0.1") -> int:
    client = lab.app.test_client()
    form = {"user": user, "password": password, "csrf_token": csrf_of(client.get("/login").text)}
    headers = {"X-Forwarded-For": address}
    return client.post("/login/password", data=form, headers=headers).status_code


class TestWrongPasswords:
    @pytest.fixture(autouse=True)
    def _ann(self, lab: Lab) -> None:
        passwords.set_password(lab.system, lab.user("ann"), PASSWORD)

    @pytest.fixture
    def cheap(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Many tries: no hashing, right is what ends in !"""
        monkeypatch.setattr(passwords, "_matches", lambda hashed, text: text.endswith("!"))

    def test_right_and_wrong(self, lab: Lab) -> None:
        assert attempt(lab, PASSWORD) == 303
        assert attempt(lab, PASSWORD + "x") == 401
        assert attempt(lab, "", user="nobody") == 401

    def test_a_hash_of_nobody_lets_nobody_in(self, lab: Lab, cheap: None) -> None:
        assert attempt(lab, "right!", user="nobody") == 401
        lab.user("hashless")
        assert attempt(lab, "right!", user="hashless") == 401

    def test_eight_are_enough_for_five_minutes(self, lab: Lab, cheap: None) -> None:
        for _ in range(8):
            assert attempt(lab, "wrong") == 401
        assert attempt(lab, "right!") == 429
        assert attempt(lab, "right!", address="10.0.0.2") == 303  # nobody locks others out
        lab.clock.advance(299)
        assert attempt(lab, "right!") == 429
        lab.clock.advance(2)
        assert attempt(lab, "right!") == 303

    def test_the_right_one_forgets_the_wrong_ones(self, lab: Lab, cheap: None) -> None:
        for _ in range(3):
            for _ in range(7):
                assert attempt(lab, "wrong") == 401
            assert attempt(lab, "right!") == 303

    def test_many_names_from_one_address(self, lab: Lab, cheap: None) -> None:
        for number in range(60):
            assert attempt(lab, "wrong", user=f"user{number}") == 401
        assert attempt(lab, "right!") == 429

    def test_capitals_and_blanks_in_the_name_make_no_new_tries(self, lab: Lab, cheap: None) -> None:
        for number in range(8):
            assert attempt(lab, "wrong", user=" ANN " if number % 2 else "ann") == 401
        assert attempt(lab, "right!") == 429

    def test_a_disabled_user(self, lab: Lab) -> None:
        identity.set_disabled(lab.db, lab.user("ann").id, True)
        assert attempt(lab, PASSWORD) == 401

    def test_a_user_without_a_team_is_told(self, lab: Lab) -> None:
        identity.remove_member(lab.db, lab.team("lab").id, lab.user("bob").id)
        bob = identity.user_by_handle(lab.db, "bob")
        assert bob is not None
        passwords.set_password(lab.system, bob, PASSWORD)
        assert attempt(lab, PASSWORD, user="bob") == 412


def test_a_new_password_ends_every_session(lab: Lab, ann: Person) -> None:
    passwords.set_password(lab.system, ann.user, "another one")
    assert ann.call("GET", "/projects").status_code == 303


@pytest.mark.parametrize(
    ("given", "lands"),
    [
        ("/projects?a=1", "/projects?a=1"),
        ("//evil.org", "/"),
        ("/\\evil.org", "/"),
        ("https://evil.org", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        ("/\t/evil.org", "/"),
        ("/\n/evil.org", "/"),
        ("\t//evil.org", "/"),
    ],
)
def test_after_signing_in_one_stays_here(lab: Lab, given: str, lands: str) -> None:
    ann = lab.person("ann")
    client = lab.app.test_client()
    form = {"user": "ann", "password": PASSWORD, "next": given}
    form["csrf_token"] = csrf_of(client.get("/login").text)
    assert client.post("/login/password", data=form).headers["Location"] == lands
    signed_in = ann.http.get("/login", query_string={"next": given})
    assert signed_in.headers["Location"] == lands


def test_cookies_are_out_of_reach_for_scripts(lab: Lab) -> None:
    ann = lab.person("ann")
    client = lab.app.test_client()
    form = {"user": "ann", "password": PASSWORD, "csrf_token": csrf_of(client.get("/login").text)}
    answer = client.post("/login/password", data=form)
    cookie = next(SimpleCookie(text) for text in answer.headers.getlist("Set-Cookie"))[SESSION]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/"
    assert not cookie["secure"] and not cookie["domain"]
    assert ann.csrf and cookie.value not in ann.page("/")


def test_over_tls_they_are_bound_to_the_host(lab: Lab) -> None:
    lab.person("ann")
    config = replace(lab.config, tls_cert="/c", tls_key="/k")
    client = create_app(replace(lab.appliance, config=config)).test_client()
    form = {"user": "ann", "password": PASSWORD, "csrf_token": csrf_of(client.get("/login").text)}
    answer = client.post("/login/password", data=form, base_url="https://localhost")
    names = {
        key: morsel
        for text in answer.headers.getlist("Set-Cookie")
        for key, morsel in SimpleCookie(text).items()
    }
    cookie = names["__Host-appliance_session"]
    assert cookie["secure"] and cookie["path"] == "/" and not cookie["domain"]


class TestForgery:
    """A change needs the session's token and, where the browser says one, our own Origin."""

    def post(self, person: Person, path: str = "/projects/new", **headers: str) -> int:
        return person.http.post(path, data={"name": "made"}, headers=headers).status_code

    def test_without_a_token(self, ann: Person) -> None:
        assert self.post(ann) == 403 and ann.get("projects").items == []

    @pytest.mark.parametrize("token", ["x", "é", "{other}", "{nobody}"])
    def test_with_a_wrong_one(self, lab: Lab, ann: Person, token: str) -> None:
        other = lab.person("bob").csrf
        nobody = csrf_of(lab.app.test_client().get("/login").text)
        text = token.format(other=other, nobody=nobody)
        assert self.post(ann, **{"X-CSRF-Token": text}) == 403
        assert self.post(ann, path="/v1/projects", **{"X-CSRF-Token": text}) == 403

    def test_with_the_right_one(self, ann: Person) -> None:
        assert self.post(ann, **{"X-CSRF-Token": ann.csrf}) == 303

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("http://localhost", 303),
            ("http://localhost:8080", 403),
            ("https://localhost", 403),
            ("http://nabc.localhost", 403),
            ("http://localhost.evil.org", 403),
            ("http://evil.org", 403),
            ("null", 403),
            ("", 403),
        ],
    )
    def test_origin(self, ann: Person, origin: str, status: int) -> None:
        assert self.post(ann, Origin=origin, **{"X-CSRF-Token": ann.csrf}) == status

    def test_a_cookie_can_not_hide_behind_another_credential(self, ann: Person) -> None:
        assert self.post(ann, Authorization="Bearer wrong") == 401
        assert self.post(ann, Authorization="x") == 401

    def test_the_form_to_sign_in_has_one_too(self, lab: Lab) -> None:
        lab.person("ann")
        form = {"user": "ann", "password": PASSWORD}
        assert lab.app.test_client().post("/login/password", data=form).status_code == 403

    def test_every_change_is_guarded(self, lab: Lab, ann: Person) -> None:
        """Whatever a plugin adds: no route that changes something answers without a token."""
        known = {"project_id": "prabcdefg", "notebook_id": "nabcdefgh", "workload_id": "wabcdefgh"}
        for rule in lab.app.url_map.iter_rules():
            for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
                path = rule.rule
                if path.startswith("/internal/"):
                    continue
                for name in rule.arguments:
                    path = path.replace(f"<{name}>", known.get(name, "teabcdefg"))
                answer = ann.http.open(path, method=method)
                assert answer.status_code == 403, (method, path)


def test_a_session_is_worth_nothing_on_the_workloads_address(ann: Person) -> None:
    answer = ann.call("GET", "/v1/projects", headers={"X-Appliance-Via": "workload"})
    assert answer.status_code == 401


def test_signing_out(ann: Person) -> None:
    cookie = ann.http.get_cookie(SESSION)
    assert cookie is not None
    ann.form("/logout")
    ann.http.set_cookie(SESSION, cookie.value)
    assert ann.call("GET", "/v1/projects").status_code == 401


def test_working_in_another_team(lab: Lab) -> None:
    ann = lab.person("ann")
    ann.project("in lab")
    other = lab.team("other")
    ann.form("/teams/switch", status=404, team=other.id)
    lab.user("ann", "other")
    ann.form("/teams/switch", team=other.id)
    assert ann.get("projects").items == []
    ann.project("in other")
    assert [item["name"] for item in ann.get("projects").items] == ["in other"]


def test_headers_of_every_page(ann: Person) -> None:
    for path in ("/", "/login", "/projects", "/nothing"):
        headers = ann.call("GET", path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
