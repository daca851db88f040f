"""Secrets: who sets which, and which one of several a program gets."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.db import rows
from appliance.runtime import worker
from appliance.runtime.tokens import workload_token
from tests.lab import Lab, Person, Thing

CANARY = "canary-Wert-9f8e7d6c5b"


@pytest.fixture
def boss(lab: Lab) -> Person:
    """Owner of the team `lab`."""
    return lab.person("boss", role="owner")


def team_path(lab: Lab) -> str:
    return f"teams/{lab.team('lab').id}/secrets"


def env_text(lab: Lab, notebook: Thing) -> str:
    """What the container's file says, "" without one."""
    path = lab.config.paths.env / lab.workload(notebook).id / "env"
    return path.read_text() if path.exists() else ""


def started(lab: Lab, person: Person, project: str = "", **environment: str) -> Thing:
    notebook = person.notebook(project, environment=environment)
    lab.settle()
    return notebook


class TestApi:
    """As rest-v1 has it."""

    @pytest.mark.parametrize("name", ["a b", "-a", "a:b", "ü", "a" * 129, "a%0A"])
    def test_what_can_not_be_a_name(self, lab: Lab, boss: Person, name: str) -> None:
        assert "can't be" in boss.api("PUT", f"{team_path(lab)}/{name}", 400, value="x")["message"]

    def test_set_listed_changed_and_deleted(self, lab: Lab, ann: Person) -> None:
        path = f"projects/{ann.project()}/secrets"
        made = ann.api("POST", path, name="HF_TOKEN", value=CANARY)
        assert set(made) == {"name", "dtCreated", "dtModified"} and made["name"] == "HF_TOKEN"
        (listed,) = ann.api("GET", path)["items"]
        assert (
            listed == ann.api("GET", f"{path}/HF_TOKEN") == {**made, "hasDeploymentAttached": False}
        )
        lab.clock.advance(5)
        changed = ann.api("PATCH", f"{path}/HF_TOKEN", value="other-value")
        assert changed["dtModified"] > changed["dtCreated"] == made["dtCreated"]
        assert ann.api("DELETE", f"{path}/HF_TOKEN") == {"name": "HF_TOKEN"}
        ann.api("GET", f"{path}/HF_TOKEN", 404)
        ann.api("PATCH", f"{path}/HF_TOKEN", 404, value="x")
        assert ann.api("GET", path)["items"] == [] and rows(lab.db, "SELECT * FROM vault") == []

    def test_put_sets_it_new_or_not(self, lab: Lab, ann: Person) -> None:
        path = f"projects/{ann.project()}/secrets"
        for value in ("one-value", "two-values"):
            ann.api("PUT", f"{path}/KEY", value=value)
        assert len(ann.api("GET", path)["items"]) == 1
        assert "KEY" in ann.api("POST", path, 409, name="KEY", value="x")["message"]

    def test_pages(self, ann: Person) -> None:
        path = f"projects/{ann.project()}/secrets"
        for number in range(5):
            ann.api("POST", path, name=f"S{number}", value="x")
        first = ann.api("GET", f"{path}?limit=2&order=asc")
        second = ann.api("GET", f"{path}?limit=3&order=asc&after={first['nextPage']}")
        assert [item["name"] for item in first["items"] + second["items"]] == [
            f"S{n}" for n in range(5)
        ]
        assert first["hasMore"] and not second["hasMore"] and second["nextPage"] is None

    @pytest.mark.parametrize("name", ["", " ", "a b", "ü", "-a", ".a", "a/b", "A" * 129, "a\n"])
    def test_names_that_can_not_be(self, ann: Person, name: str) -> None:
        path = f"projects/{ann.project()}/secrets"
        said = ann.call("POST", f"/v1/{path}", {"name": name, "value": CANARY})
        assert said.status_code == 400 and "name" in said.text and CANARY not in said.text

    @pytest.mark.parametrize("value", ["", "x" * 32_769, "a\0b", None, 5])
    def test_values_that_can_not_be(self, ann: Person, value: Any) -> None:
        path = f"projects/{ann.project()}/secrets"
        said = ann.call("POST", f"/v1/{path}", {"name": "A", "value": value})
        assert said.status_code == 400 and "value" in said.text and len(said.text) < 1000

    def test_a_team_by_its_namespace(self, lab: Lab, boss: Person) -> None:
        boss.api("POST", "teams/lab/secrets", name="A", value="x")
        assert boss.api("GET", f"{team_path(lab)}/A") == boss.api("GET", "teams/lab/secrets/A")
        lab.person("eve", team="other").api("GET", "teams/lab/secrets", 404)

    def test_members_use_what_admins_set_for_a_team(
        self, lab: Lab, ann: Person, boss: Person
    ) -> None:
        ann.api("POST", team_path(lab), 403, name="A", value="x")
        boss.api("POST", team_path(lab), name="A", value="team-value")
        for method in ("PATCH", "PUT", "DELETE"):
            ann.api(method, f"{team_path(lab)}/A", 403, value="mine")
        assert [item["name"] for item in ann.api("GET", team_path(lab))["items"]] == ["A"]
        assert "team-value" in env_text(lab, started(lab, ann, S="secret:A"))

    def test_only_admins_of_the_appliance_set_for_the_cluster(self, lab: Lab, boss: Person) -> None:
        boss.api("POST", "clusters/clabc/secrets", 403, name="A", value="x")
        root = lab.person("root", team="other", admin=True)
        root.api("POST", "clusters/clabc/secrets", name="A", value="x")
        assert [item["name"] for item in boss.api("GET", "clusters/any/secrets")["items"]] == ["A"]

    def test_programs_can_not_list_or_set(self, lab: Lab, ann: Person) -> None:
        notebook = ann.notebook()
        token = workload_token(lab.appliance.keys, lab.workload(notebook).id)
        client, headers = lab.app.test_client(), {"Authorization": f"Bearer {token}"}
        path = f"/v1/projects/{notebook.project_id}/secrets"
        assert client.get(path, headers=headers).status_code == 403
        given = {"name": "A", "value": "x"}
        assert client.post(path, headers=headers, json=given).status_code == 403

    def test_a_deleted_project_takes_its_secrets(self, lab: Lab, boss: Person) -> None:
        project = boss.project()
        lab.settle()
        boss.api("POST", f"projects/{project}/secrets", name="A", value="x")
        boss.api("DELETE", f"projects/{project}")
        lab.settle()
        assert rows(lab.db, "SELECT * FROM secrets") == rows(lab.db, "SELECT * FROM vault") == []


class TestWhichOne:
    """Of several of a name."""

    def test_project_before_cluster_before_team(self, lab: Lab, boss: Person) -> None:
        root = lab.person("root", admin=True)
        project = boss.project()
        places = [
            (boss, f"projects/{project}/secrets", "of-project"),
            (root, "clusters/c/secrets", "of-cluster"),
            (boss, "teams/lab/secrets", "of-team"),
        ]
        for person, path, value in places:
            person.api("POST", path, name="A", value=value)
        for person, path, value in places:
            notebook = started(lab, boss, project, S="secret:A")
            assert env_text(lab, notebook) == f"export S={value}\n"
            person.api("DELETE", f"{path}/A")
            boss.act(notebook, "stop")
            lab.settle()

    @pytest.mark.parametrize("reference", ["secret:A", "SECRET:A", "Secret:A", "secret: A "])
    def test_the_word_in_any_case(self, lab: Lab, ann: Person, reference: str) -> None:
        project = ann.project()
        ann.api("POST", f"projects/{project}/secrets", name="A", value="its-value")
        assert env_text(lab, started(lab, ann, project, S=reference)) == "export S=its-value\n"

    @pytest.mark.parametrize("text", ["my secret:A", "secretA", "other:A", "http://x", "", ":"])
    def test_only_whole_values_of_known_kinds(self, lab: Lab, ann: Person, text: str) -> None:
        notebook = started(lab, ann, S=text)
        spec = lab.backend.specs[lab.container(notebook)]
        assert spec.env["S"] == text and spec.entrypoint == ()

    def test_another_projects_are_not_found(self, lab: Lab, ann: Person) -> None:
        ann.api("POST", f"projects/{ann.project()}/secrets", name="A", value="x")
        found = ann.session(started(lab, ann, S="secret:A"))
        assert (found.state, found.reason) == ("error", "Refused") and lab.backend.starts == []
        assert found.message == (
            "there is no secret 'A' in the project, the cluster or the team Lab: set it on the project's page Secrets,"
            " or correct the name"
        )

    def test_an_ephemeral_one_is_its_makers_until_it_expires(self, lab: Lab, ann: Person) -> None:
        bob, project = lab.person("bob"), ann.project()
        ann.api("POST", f"projects/{project}/secrets", name="A", value="stored")
        made = ann.api("POST", "secrets/ephemeral", name="A", value="one-off", expires_in=60)
        assert made["reference"] == "secret:A"
        assert ann.api("GET", f"projects/{project}/secrets")["items"][0]["name"] == "A"
        assert env_text(lab, started(lab, ann, project, S="secret:A")) == "export S=one-off\n"
        assert env_text(lab, started(lab, bob, project, S="secret:A")) == "export S=stored\n"

    def test_an_expired_one_says_so(self, lab: Lab, ann: Person) -> None:
        ann.api("POST", "secrets/ephemeral", name="A", value="one-off", expires_in=60)
        lab.clock.advance(60)
        worker.prune(lab.system)
        found = ann.session(started(lab, ann, S="secret:A"))
        assert found.message == "the ephemeral secret 'A' has expired: set it again"

    def test_one_that_expires_while_it_waits_is_there(self, lab: Lab, ann: Person) -> None:
        ann.api("POST", "secrets/ephemeral", name="A", value="one-off", expires_in=60)
        notebook = ann.notebook(environment={"S": "secret:A"})
        worker.turn(lab.system)
        lab.clock.advance(3600)
        worker.prune(lab.system)
        lab.settle()
        assert env_text(lab, notebook) == "export S=one-off\n"


class TestPages:
    """By form, without a script."""

    def test_a_project_sets_changes_and_deletes(self, lab: Lab, ann: Person) -> None:
        path = f"/projects/{ann.project()}/secrets"
        ann.form(path, name="A", value="line one\r\nline two")
        assert "secret:A stands for it" in ann.page(path)
        assert env_text(lab, started(lab, ann, path.split("/")[2], S="secret:A")) == (
            "export S='line one\nline two'\n"
        )
        ann.form(f"{path}/A", value="other")
        ann.form(f"{path}/A/delete")
        assert "No secrets here yet" in ann.page(path)

    def test_errors_stand_beside_their_field_without_the_value(self, ann: Person) -> None:
        path = f"/projects/{ann.project()}/secrets"
        said = ann.form(path, 400, name="a b", value=CANARY).text
        assert 'value="a b"' in said and "Use letters" in said and CANARY not in said
        assert "This is needed." in ann.form(path, 400, name="A", value="").text
        ann.form(path, name="A", value="x")
        assert "already" in ann.form(path, 409, name="A", value=CANARY).text
        assert "This is needed." in ann.form(f"{path}/A", 400, value="").text

    def test_members_see_the_teams_and_admins_set_them(
        self, lab: Lab, ann: Person, boss: Person
    ) -> None:
        boss.form("/secrets/team", name="A", value="x")
        assert "A" in ann.page("/secrets") and "New secret" not in ann.page("/secrets")
        ann.form("/secrets/team", 403, name="B", value="x")
        ann.form("/secrets/team/A", 403, value="x")
        ann.form("/secrets/cluster", 403, name="B", value="x")
        assert "New secret" in boss.page("/secrets") and "New secret" not in boss.page(
            "/secrets/cluster"
        )
        ann.page("/secrets/nowhere", 404)
