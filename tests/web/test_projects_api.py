"""What hangs on a project at the API: tags, collaborators, activity, notebooks put in and taken out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from appliance import events
from appliance.db import write
from tests.lab import Lab, Person


def names(page: Any) -> list[str]:
    return [item["name"] for item in page.items]


class TestTags:
    def test_tagging_and_untagging(self, ann: Person) -> None:
        path = f"projects/{ann.project()}/tags"
        first = ann.api("POST", path, name="v1")
        assert set(first) == {"id", "name", "dtCreated"} and isinstance(first["id"], int)
        assert ann.api("POST", path, name="v1") == first
        ann.api("POST", path, name="v2")
        assert names(ann.get(path)) == ["v2", "v1"]
        assert ann.api("DELETE", f"{path}?name=v1") == first
        assert names(ann.get(path)) == ["v2"]

    def test_an_official_client_names_it_in_the_body(self, ann: Person) -> None:
        path = f"projects/{ann.project()}/tags"
        ann.api("POST", path, name="a tag")
        assert ann.api("DELETE", path, name="a tag")["name"] == "a tag"

    def test_which_tag(self, ann: Person) -> None:
        path = f"projects/{ann.project()}/tags"
        assert ann.api("DELETE", path, 400)["issues"] == [{"message": "name: this is needed"}]
        ann.api("DELETE", f"{path}?name=none", 404)
        answer = ann.call("DELETE", f"/v1/{path}", data=b"[", content_type="application/json")
        assert answer.status_code == 400

    def test_pages(self, ann: Person) -> None:
        path = f"projects/{ann.project()}/tags"
        for number in range(5):
            ann.api("POST", path, name=f"t{number}")
        found, after = [], ""
        while True:
            page = ann.get(f"{path}?limit=2&order=asc&after={after}")
            found += names(page)
            if page.next_page is None:
                break
            after = page.next_page
        assert found == [f"t{number}" for number in range(5)]


class TestCollaborators:
    def test_they_are_the_members_of_the_team(self, lab: Lab) -> None:
        boss, eve = lab.person("boss", role="owner"), lab.person("eve", team="other")
        project = boss.project()
        path = f"projects/{project}/collaborators"
        eve.api("GET", f"projects/{project}", 404)
        given = boss.api("POST", path, user_id=eve.user.id)
        assert given["user"]["email"] == "eve@example.org" and given["dtDeleted"] is None
        assert boss.api("POST", path, user_id=eve.user.id) == given
        assert eve.get(f"projects/{project}").id == project
        found = [item["user"]["id"] for item in boss.get(f"{path}?order=asc").items]
        assert found == [boss.user.id, eve.user.id]
        assert boss.api("DELETE", f"{path}/{eve.user.id}") == {"userId": eve.user.id}
        eve.api("GET", f"projects/{project}", 404)

    def test_only_admins_of_the_team_give_and_take(self, lab: Lab, ann: Person) -> None:
        path, bob = f"projects/{ann.project()}/collaborators", lab.user("bob", "other")
        ann.api("POST", path, 403, user_id=bob.id)
        ann.api("DELETE", f"{path}/{ann.user.id}", 403)
        boss = lab.person("boss", role="admin")
        boss.api("POST", path, 404, user_id="usnothere")
        boss.api("DELETE", f"{path}/{bob.id}", 404)


class TestActivity:
    DEPLOYMENT = "0a6b1d6e-0000-4000-8000-000000000001"

    @pytest.fixture
    def path(self, lab: Lab, ann: Person) -> str:
        project = ann.project()
        for name, subject, data in (
            ("deployment.created", self.DEPLOYMENT, {"label": "api"}),
            ("deployment.scaled", self.DEPLOYMENT, {"label": "api", "before": 1, "after": 3}),
            ("deployment.created", "other", {"label": "another"}),
            ("deployment.healthy", self.DEPLOYMENT, {"label": "api"}),
            ("deployment.deleted", self.DEPLOYMENT, {"label": "api"}),
        ):
            with write(lab.db) as db:
                events.emit(
                    db, name, subject=subject, project_id=project, actor=ann.user.id, **data
                )
        return f"projects/{project}/activity"

    def test_what_happened_to_deployments(self, ann: Person, path: str) -> None:
        found = ann.get(path).items
        assert [item["action"].partition(".")[2] for item in found] == [
            "deleted", "created", "scaled", "created",
        ]  # fmt: skip
        scaled = found[2]
        assert scaled["data"] == {"from": 1, "to": 3} and found[0]["data"] is None
        assert scaled["actor"]["email"] == "ann@example.org"
        assert scaled["deployment"]["name"] == "api" and scaled["deployment"]["dtDeleted"]
        assert found[1]["deployment"]["dtDeleted"] is None
        assert len({UUID(item["id"]) for item in found}) == 4

    def test_filters_and_pages(self, ann: Person, path: str) -> None:
        assert len(ann.get(f"{path}?deploymentId={self.DEPLOYMENT}").items) == 3
        assert len(ann.get(f"{path}?name=another").items) == 1
        assert ann.get(f"{path}?name=%25").items == []
        page = ann.get(f"{path}?limit=3&orderBy=dtCreated")
        assert len(ann.get(f"{path}?limit=3&after={page.next_page}").items) == 1
        assert ann.get(f"projects/{ann.project('quiet')}/activity").items == []


class TestNotebooks:
    def test_into_another_project(self, lab: Lab, ann: Person) -> None:
        notebook, other = ann.notebook(), ann.project("other")
        lab.settle()
        path = f"projects/{other}/notebooks/{notebook.id}"
        ann.api("POST", path, 409)
        ann.act(notebook, "stop")
        lab.settle()
        assert ann.api("POST", path)["projectId"] == other
        assert [item["id"] for item in ann.get(f"projects/{other}/notebooks").items] == [
            notebook.id
        ]
        assert ann.get(f"projects/{notebook.project_id}/notebooks").items == []
        boss = lab.person("boss", role="owner")
        boss.api("DELETE", f"projects/{notebook.project_id}")
        lab.settle()
        ann.act(notebook, "start")
        lab.settle()
        assert ann.get(notebook).state == "Running"

    def test_out_of_a_project(self, ann: Person) -> None:
        notebook = ann.notebook(should_run_on_create=False)
        path = f"projects/{{}}/notebook/{notebook.id}"
        ann.api("DELETE", path.format(ann.project("another")), 404)
        taken = ann.api("DELETE", path.format(notebook.project_id))
        assert ann.get(f"projects/{taken['projectId']}").name == "Unsorted"
        second = ann.notebook(notebook.project_id, should_run_on_create=False)
        again = ann.api("DELETE", f"projects/{notebook.project_id}/notebook/{second.id}")
        assert again["projectId"] == taken["projectId"]

    def test_not_to_another_team(self, lab: Lab, ann: Person) -> None:
        notebook = ann.notebook(should_run_on_create=False)
        eve = lab.person("eve", team="other")
        theirs = eve.project("theirs")
        ann.api("POST", f"projects/{theirs}/notebooks/{notebook.id}", 404)
        eve.api("POST", f"projects/{theirs}/notebooks/{notebook.id}", 404)
        lab.user("ann", "other")  # in both: files still belong to one
        ann.api("POST", f"projects/{theirs}/notebooks/{notebook.id}", 412)

    def test_what_an_official_client_leaves_out(self, ann: Person) -> None:
        body = {"projectId": ann.project(), "machineType": "C1", "shouldRunOnCreate": None}
        assert ann.call("POST", "/v1/notebooks", body).status_code == 200

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_in_the_order_of_names(self, ann: Person, order: str) -> None:
        project = ann.project()
        for name in ("b", "a", "C", "a"):
            ann.notebook(project, name=name, should_run_on_create=False)
        found, after = [], ""
        while True:
            query = f"orderBy=name&order={order}&limit=1&after={after}"
            page = ann.get(f"projects/{project}/notebooks?{query}")
            found += names(page)
            if page.next_page is None:
                break
            after = page.next_page
        assert found == (["a", "a", "b", "C"] if order == "asc" else ["C", "b", "a", "a"])
        ann.api("GET", "notebooks?orderBy=size", 400)
