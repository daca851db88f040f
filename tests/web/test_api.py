"""The shape of the JSON API: what official clients rely on."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.lab import Lab, Person

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_an_unknown_field_is_named(ann: Person) -> None:
    answer = ann.api("POST", "projects", 400, name="a", colour="red", size=1)
    assert answer["issues"] == [
        {"message": "colour: unknown field"},
        {"message": "size: unknown field"},
    ]
    assert answer["code"] == "BAD_REQUEST" and "colour: unknown field" in answer["message"]


def test_what_means_nothing_here_is_taken_and_reported(ann: Person) -> None:
    body = {"projectId": ann.project(), "machineType": "C1", "isPublic": True, "clusterId": "x"}
    answer = ann.call("POST", "/v1/notebooks", body)
    assert answer.status_code == 200
    assert answer.headers["X-Appliance-Ignored"] == "clusterId"
    plain = ann.call("POST", "/v1/projects", {"name": "a"})
    assert "X-Appliance-Ignored" not in plain.headers


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", "a\0b", 5, None])
def test_names_that_are_none(ann: Person, name: Any) -> None:
    answer = ann.api("POST", "projects", 400, name=name)
    assert answer["issues"][0]["message"].startswith("name: ")


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("what", ["projects", "notebooks"])
def test_three_pages_hold_everything_once(ann: Person, what: str, order: str) -> None:
    project = ann.project("p0")
    for number in range(1, 5):
        if what == "projects":
            ann.project(f"p{number}")
        else:
            ann.notebook(project, name=f"p{number}", should_run_on_create=False)
    names, after, sizes = [], "", []
    while True:
        page = ann.get(f"{what}?limit=2&order={order}&after={after}&stray=1")
        assert set(page.fields) == {"items", "hasMore", "nextPage"}
        names += [item["name"] for item in page.items]
        sizes.append(len(page.items))
        assert page.has_more == (page.next_page is not None)
        if not page.has_more:
            break
        after = page.next_page
    expected = [f"p{number}" for number in range(0 if what == "projects" else 1, 5)]
    assert names == (expected if order == "asc" else expected[::-1])
    assert sizes == ([2, 2, 1] if what == "projects" else [2, 2])


def test_a_page_goes_on_behind_what_was_deleted_meanwhile(lab: Lab) -> None:
    ann = lab.person("ann", role="admin")
    made = [ann.project(f"p{number}") for number in range(4)]
    page = ann.get("projects?limit=2&order=asc")
    ann.api("DELETE", f"projects/{made[1]}")
    rest = ann.get(f"projects?limit=2&order=asc&after={page.next_page}")
    assert [item["name"] for item in rest.items] == ["p2", "p3"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "order=up"])
def test_bad_queries_name_their_field(ann: Person, query: str) -> None:
    issue = ann.api("GET", f"projects?{query}", 400)["issues"][0]["message"]
    assert issue.startswith(query.partition("=")[0])


def test_dates_are_iso_with_zone(lab: Lab, ann: Person) -> None:
    lab.clock.advance(0.007)
    project = ann.post("projects", name="a")
    assert DATE.fullmatch(project.dt_created) and project.dt_created.endswith(".007Z")
    assert project.dt_deleted is None
    notebook = ann.notebook(project.id)
    lab.settle()
    found = ann.get(notebook)
    assert all(
        DATE.fullmatch(found.fields[key]) for key in ("dtCreated", "dtModified", "dtStarted")
    )


ERRORS = [
    ("GET", "/v1/projects/prnothere", None, 404, "NOT_FOUND"),
    ("GET", "/v1/nothing", None, 404, "NOT_FOUND"),
    ("PATCH", "/v1/projects", None, 405, "METHOD_NOT_SUPPORTED"),
    ("POST", "/v1/projects", {}, 400, "BAD_REQUEST"),
    ("DELETE", "/v1/projects/{project}", None, 403, "FORBIDDEN"),
    ("POST", "/v1/notebooks/{notebook}/start", {}, 409, "CONFLICT"),
    ("POST", "/v1/notebooks", {"projectId": "{project}", "machineType": "X9"}, 400, "BAD_REQUEST"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), ERRORS)
def test_errors_have_exactly_these_keys(
    ann: Person, method: str, path: str, body: Any, status: int, code: str
) -> None:
    notebook = ann.notebook()
    known = {"project": notebook.project_id, "notebook": notebook.id}
    if body:
        body = {key: value.format(**known) for key, value in body.items()}
    answer = ann.call(method, path.format(**known), body)
    assert answer.status_code == status and answer.is_json
    found = answer.json
    assert found is not None and set(found) - {"issues"} == {"code", "message"}
    assert found["code"] == code and found["message"]


@pytest.mark.parametrize("text", [b"{", b"[]", b"5", b'"a"', b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_object(ann: Person, text: bytes) -> None:
    answer = ann.call("POST", "/v1/projects", data=text, content_type="application/json")
    assert answer.status_code == 400 and answer.json and answer.json["code"] == "BAD_REQUEST"


def test_a_body_that_is_too_large(ann: Person) -> None:
    text = b'{"name": "' + b"x" * (1 << 20) + b'"}'
    answer = ann.call("POST", "/v1/projects", data=text, content_type="application/json")
    assert answer.status_code == 400


def test_nobody_and_a_bad_key_are_told_in_json(lab: Lab) -> None:
    client = lab.app.test_client()
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        answer = client.get("/v1/projects", headers={**headers, "Accept": "text/html"})
        assert answer.status_code == 401 and answer.json and answer.json["code"] == "UNAUTHORIZED"


def test_health_needs_no_key(lab: Lab) -> None:
    assert lab.app.test_client().get("/v1/health").json == "HEALTHY"


def test_a_filter_by_state_takes_both_names(lab: Lab, ann: Person) -> None:
    project = ann.project()
    ann.notebook(project, name="runs")
    ann.notebook(project, name="rests", should_run_on_create=False)
    lab.settle()
    for state, name in (("Running", "runs"), ("running", "runs"), ("Stopped", "rests")):
        assert [item["name"] for item in ann.get(f"notebooks?state={state}").items] == [name]
    assert [item["name"] for item in ann.get("notebooks?name=RUN").items] == ["runs"]
    assert [item["name"] for item in ann.get(f"projects/{project}/notebooks?name=%25").items] == []
