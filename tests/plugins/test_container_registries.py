"""Registries: who sees and changes them, signing in really, and pulling with what is stored."""

from __future__ import annotations

import sqlite3
from ipaddress import IPv4Network, ip_address
from typing import Any

import pytest

from appliance import settings
from appliance.db import rows, write
from appliance.runtime.backend import PullLogin
from plugins_builtin.container_registries import exchange, signin
from plugins_builtin.container_registries.exchange import Allowed
from plugins_builtin.container_registries.specs import LOOPBACK, Registry
from tests.lab import Lab, Person
from tests.plugins.registry_stub import PASSWORD, USER, Way, registry

PATH = "container-registries"
GIVEN: dict[str, Any] = {
    "name": "ours",
    "namespace": "lab",
    "url": "https://ghcr.io",
    "username": "robot",
}


@pytest.fixture
def boss(lab: Lab) -> Person:
    """Owner of the team `lab`."""
    return lab.person("boss", role="owner")


def dump(lab: Lab) -> str:
    return "\n".join(sqlite3.Connection.iterdump(lab.db.conn))


def add(person: Person, **changes: Any) -> str:
    given = {**GIVEN, "password": PASSWORD, **changes}
    return str(person.api("POST", PATH, **given)["id"])


def test_added_seen_changed_and_removed(lab: Lab, ann: Person, boss: Person) -> None:
    made = boss.api("POST", PATH, **GIVEN, password=PASSWORD)
    assert set(made) == {
        "id", "name", "namespace", "url", "username", "kind", "dtCreated", "dtModified",
    }  # fmt: skip
    assert {key: made[key] for key in GIVEN} == GIVEN and made["kind"] == "other"
    assert ann.api("GET", PATH)["items"] == [made] == [ann.api("GET", f"{PATH}/{made['id']}")]
    changed = boss.api("PUT", f"{PATH}/{made['id']}", username="other", kind="ghcr")
    assert (changed["username"], changed["kind"], changed["name"]) == ("other", "ghcr", "ours")
    assert PASSWORD not in dump(lab)
    assert boss.api("DELETE", f"{PATH}/{made['id']}")["id"] == made["id"]
    boss.api("GET", f"{PATH}/{made['id']}", 404)
    assert rows(lab.db, "SELECT * FROM vault") == []


def test_a_new_password_takes_the_place_of_the_old(lab: Lab, boss: Person) -> None:
    made = add(boss)
    boss.api("PUT", f"{PATH}/{made}", password="another-one")
    assert len(rows(lab.db, "SELECT * FROM vault")) == 1 and "another-one" not in dump(lab)
    boss.api("PUT", f"{PATH}/{made}", password="secret:REGISTRY")
    assert rows(lab.db, "SELECT * FROM vault") == [] and "secret:REGISTRY" in dump(lab)


@pytest.mark.parametrize("url", ["https://evil.example", "http://ghcr.io"])
def test_a_password_does_not_move_to_another_address(boss: Person, url: str) -> None:
    made = add(boss, url="https://ghcr.io")
    assert "password" in boss.api("PUT", f"{PATH}/{made}", 400, url=url)["message"]
    assert boss.api("PUT", f"{PATH}/{made}", url="ghcr.io", username="me")["url"] == "ghcr.io"
    assert boss.api("PUT", f"{PATH}/{made}", url=url, password="another")["url"] == url


def test_a_name_is_taken_once(boss: Person) -> None:
    add(boss)
    other = add(boss, name="other")
    boss.api("POST", PATH, 409, **GIVEN, password="x")
    boss.api("PUT", f"{PATH}/{other}", 409, name="ours")
    boss.api("PUT", f"{PATH}/{other}", name="other", kind="gcr")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://x"), ("url", "https://user:pw@ghcr.io"), ("url", "https://a b"), ("url", "https://"),
        ("url", "file:///etc/passwd"), ("namespace", "../x y"), ("username", "a\nb"), ("password", "a\0b"),
        ("kind", "nonsense"),
    ],
)  # fmt: skip
def test_what_can_not_be(boss: Person, field: str, value: str) -> None:
    said = boss.api("POST", PATH, 400, **{**GIVEN, "password": "x", field: value})
    assert field in said["message"]


@pytest.fixture
def loopback(lab: Lab) -> None:
    """Registries of this machine may be signed in at."""
    with write(lab.db) as db:
        settings.put(db, LOOPBACK, "true")


@pytest.mark.usefixtures("loopback")
class TestSignIn:
    """At a registry that really answers."""

    @staticmethod
    def sign_in(person: Person, url: str, **changes: Any) -> Any:
        made = add(person, url=url, username=USER, **changes)
        return person.api("GET", f"{PATH}/{made}/test-connection")

    @pytest.mark.parametrize("way", ["open", "basic", "bearer"])
    def test_works(self, boss: Person, way: Way) -> None:
        with registry(way) as stub:
            assert self.sign_in(boss, stub.url) == {"success": True, "error": ""}

    @pytest.mark.parametrize("way", ["basic", "bearer"])
    def test_a_wrong_password(self, boss: Person, way: Way) -> None:
        with registry(way) as stub:
            found = self.sign_in(boss, stub.url, password="wrong-one")
        assert found == {"success": False, "error": "user name or password are wrong"}

    @pytest.mark.parametrize(
        ("way", "words"),
        [
            ("redirect", "HTTP status 307"), ("broken", "HTTP status 500"), ("no-token", "no token"),
            ("strange", "not known here"), ("https-only", "no safe address"), ("no-url", "can't be reached"),
            ("no-realm", "no safe address"), ("other-realm", "is not one to sign in at"),
        ],
    )  # fmt: skip
    def test_strange_answers(self, boss: Person, way: Way, words: str) -> None:
        with registry(way) as stub:
            found = self.sign_in(boss, stub.url)
        assert not found["success"] and words in found["error"]
        assert PASSWORD not in str(found)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://no..host"])
    def test_nobody_answers(self, boss: Person, url: str) -> None:
        found = self.sign_in(boss, url)
        assert not found["success"] and "can't be reached" in found["error"]

    def test_with_a_secret_of_the_team(self, boss: Person) -> None:
        with registry("basic") as stub:
            missing = self.sign_in(boss, stub.url, password="secret:REGISTRY")
            assert not missing["success"] and "there is no secret 'REGISTRY'" in missing["error"]
            boss.api("POST", "teams/lab/secrets", name="REGISTRY", value=PASSWORD)
            assert self.sign_in(boss, stub.url, name="b", password="SECRET:REGISTRY")["success"]

    def test_a_password_goes_nowhere_before_it_is_asked_for(self, boss: Person) -> None:
        with registry("open") as stub:
            self.sign_in(boss, stub.url)
            assert stub.asked == [("/v2/", "")]

    def test_only_admins_make_the_appliance_call_out(
        self, lab: Lab, ann: Person, boss: Person
    ) -> None:
        with registry("open") as stub:
            made = add(boss, url=stub.url)
            ann.api("GET", f"{PATH}/{made}/test-connection", 403)
            assert (
                ann.http.post(f"/registries/{made}/test", data={"csrf_token": ann.csrf}).status_code
                == 403
            )
            assert stub.asked == []


class TestWhoIsCalled:
    """Addresses that an admin of a team must not make the appliance call, and for how long it listens."""

    HERE = Allowed(IPv4Network("10.192.0.0/16"), loopback=True)

    @pytest.mark.parametrize("way", ["dripping", "dripping-body"])
    def test_all_of_an_answer_has_one_time_limit(self, way: Way) -> None:
        with registry(way) as stub, pytest.raises(signin.SignInFailed, match="too long"):
            signin.try_sign_in(stub.url, USER, PASSWORD, self.HERE, timeout_s=0.3)

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:7f00:1]", "2130706433"]
    )
    def test_this_machine_only_if_an_admin_of_it_says_so(self, boss: Person, host: str) -> None:
        with registry("open") as stub:
            found = TestSignIn.sign_in(boss, f"http://{host}:{stub.server_port}")
            assert "is not one to sign in at" in found["error"] and stub.asked == []

    @pytest.mark.parametrize(
        "address",
        ["169.254.169.254", "169.254.1.1", "fe80::1", "::ffff:169.254.169.254", "fd00:ec2::254"]
        + ["100.100.100.200", "168.63.129.16", "224.0.0.1", "10.192.1.7"],
    )
    def test_never(self, address: str) -> None:
        with pytest.raises(exchange.Refused):
            self.HERE.check(ip_address(address))

    @pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.2", "140.82.121.34", "2600::1"])
    def test_others(self, address: str) -> None:
        Allowed(self.HERE.own).check(ip_address(address))

    def test_of_several_addresses_none_may_be_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = [(0, 0, 0, "", (address, 80)) for address in ("192.0.2.1", "169.254.169.254")]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answers)
        with pytest.raises(signin.SignInFailed, match="not one to sign in at"):
            signin.try_sign_in("http://registry.example", USER, PASSWORD, self.HERE)


@pytest.mark.parametrize(
    ("url", "namespace", "image", "matches"),
    [
        ("https://ghcr.io", "lab", "ghcr.io/lab/tool:1", True),
        ("ghcr.io", "lab", "ghcr.io/lab/deep/tool", True),
        ("https://ghcr.io/", "", "ghcr.io/any/tool", True),
        ("https://ghcr.io", "lab", "ghcr.io/laboratory/tool", False),
        ("https://ghcr.io", "lab", "ghcr.io.evil.org/lab/tool", False),
        ("https://ghcr.io", "lab", "lab/tool", False),
        ("https://index.docker.io/v1/", "lab", "lab/tool", True),
        ("docker.io", "lab", "docker.io/lab/tool", True),
        ("hub.docker.com", "", "debian:12", True),
        ("docker.io", "", "localhost/tool", False),
        ("http://reg.local:5000", "a", "reg.local:5000/a/tool", True),
        ("http://reg.local:5000", "a", "reg.local/a/tool", False),
    ],
)
def test_which_images_are_its(url: str, namespace: str, image: str, matches: bool) -> None:
    found = Registry(1, "cr1", "te1", "n", namespace, url, "u", "p", "other", 0, 0)
    assert found.holds(image) == matches


class TestPull:
    """What the engine is told when an image has to be fetched."""

    IMAGE = "ghcr.io/lab/tool:1"

    def pulled(self, lab: Lab, person: Person, **fields: Any) -> list[PullLogin | None]:
        lab.backend.registry.add(self.IMAGE)
        notebook = person.notebook(**{"container": self.IMAGE, **fields})
        lab.settle()
        assert person.get(notebook).state == "Running", vars(person.session(notebook))
        person.act(notebook, "stop")
        lab.settle()
        lab.backend.images.discard(self.IMAGE)
        return lab.backend.logins

    def test_without_any(self, lab: Lab, ann: Person) -> None:
        assert self.pulled(lab, ann) == [None]

    def test_of_the_teams_registry_with_the_longest_namespace(
        self, lab: Lab, ann: Person, boss: Person
    ) -> None:
        add(boss, name="all", namespace="", username="all")
        add(boss, name="lab", namespace="lab", username="lab", password="lab-password")
        add(lab.person("eve", team="other", role="owner"), namespace="lab/tool", username="eve")
        assert self.pulled(lab, ann) == [PullLogin("lab", "lab-password")]

    def test_of_the_notebook_itself_again_and_again(
        self, lab: Lab, ann: Person, boss: Person
    ) -> None:
        add(boss)
        own = {"registry_username": "ann", "registry_password": "anns-password"}
        expected = PullLogin("ann", "anns-password")
        assert self.pulled(lab, ann, **own) == [expected]
        (notebook,) = ann.get("notebooks").items
        ann.api("POST", f"notebooks/{notebook['id']}/start")
        lab.settle()
        assert lab.backend.logins == [expected] * 2 and "anns-password" not in dump(lab)

    def test_by_a_secret_of_the_project(self, lab: Lab, ann: Person) -> None:
        project = ann.project()
        ann.api("POST", f"projects/{project}/secrets", name="PW", value="of-project")
        own = {"registry_username": "ann", "registry_password": "secret:PW", "project_id": project}
        assert self.pulled(lab, ann, **own) == [PullLogin("ann", "of-project")]

    def test_half_a_sign_in_is_refused(self, ann: Person) -> None:
        project = ann.project()
        given = {"name": "nb", "machine_type": "C1", "project_id": project}
        said = ann.api("POST", "notebooks", 400, **given, registry_username="ann")
        assert "belong together" in said["message"]

    def test_a_form_with_a_sign_in(self, lab: Lab, ann: Person) -> None:
        lab.backend.registry.add(self.IMAGE)
        path = f"/projects/{ann.project()}/notebooks/new"
        fields: dict[str, Any] = {
            "name": "nb",
            "image": "notebook",
            "other_image": self.IMAGE,
            "instance_type": "C1",
        }
        wrong = ann.form(path, 400, **fields, registry_username="ann").text
        assert "belong together" in wrong and 'value="ann"' in wrong
        ann.form(path, **fields, registry_username="ann", registry_password="typed-password")
        lab.settle()
        assert lab.backend.logins == [PullLogin("ann", "typed-password")]


@pytest.mark.usefixtures("loopback")
class TestPages:
    """By form."""

    def test_an_admin_adds_tries_changes_and_removes(
        self, lab: Lab, ann: Person, boss: Person
    ) -> None:
        with registry("basic") as stub:
            fields: dict[str, Any] = {
                "name": "ours",
                "url": stub.url,
                "namespace": "",
                "username": USER,
            }
            at = boss.form("/registries", **fields, password=PASSWORD).headers["Location"]
            assert "Signing in works." in boss.form(f"{at}/test", 200).text
            boss.form(at, **fields, password="")  # the old one stays
            assert "Signing in works." in boss.form(f"{at}/test", 200).text
            boss.form(at, **fields, password="wrong-one")
            assert "user name or password are wrong" in boss.form(f"{at}/test", 200).text
        assert "Add a registry" not in ann.page("/registries") and "ours" in ann.page("/registries")
        assert "Save" not in ann.page(at)
        ann.form(at, 403, **fields)
        boss.form(f"{at}/delete")
        assert "No registries yet" in boss.page("/registries")

    def test_errors_stand_beside_their_field(self, boss: Person) -> None:
        typed: dict[str, Any] = {
            "name": "ours",
            "url": "nonsense url",
            "namespace": "",
            "username": "u",
        }
        said = boss.form("/registries", 400, **typed, password="typed-password").text
        assert "must be the address" in said and 'value="nonsense url"' in said
        assert "typed-password" not in said
        boss.form("/registries", **{**typed, "url": "ghcr.io"}, password="x")
        assert (
            "already" in boss.form("/registries", 409, **{**typed, "url": "b.c"}, password="x").text
        )
