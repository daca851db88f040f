"""The API's own pages: the document is what the routes are, and the page shows all of it."""

from __future__ import annotations

import re
from typing import Any

from appliance.web import reference
from tests.lab import Lab, Person


def described(lab: Lab) -> dict[str, Any]:
    answer = lab.app.test_client().get("/v1/openapi.json")
    assert answer.status_code == 200 and answer.json is not None
    return answer.json


def test_every_route_of_the_api_is_in_the_document(lab: Lab) -> None:
    rules = {
        re.sub(r"<(?:\w+:)?(\w+)>", "{}", rule.rule.removeprefix("/v1"))
        for rule in lab.app.url_map.iter_rules()
        if rule.rule.startswith("/v1/")
    }
    paths = {re.sub(r"{\w+}", "{}", path) for path in described(lab)["paths"]}
    assert rules == paths | {"/openapi.json"}


def test_a_client_is_told_when_its_copy_is_old(lab: Lab, ann: Person) -> None:
    answer = ann.call("GET", "/v1/openapi.json")
    version = answer.headers["X-Appliance-Document"]
    assert answer.headers["ETag"] == f'"{version}"'
    assert ann.call("GET", "/v1/projects").headers["X-Appliance-Document"] == version
    again = ann.call("GET", "/v1/openapi.json", headers={"If-None-Match": f'"{version}"'})
    assert again.status_code == 304


def test_the_page_shows_every_operation(lab: Lab, ann: Person) -> None:
    page = ann.page("/docs/api")
    for path, item in described(lab)["paths"].items():
        assert f"/v1{path}" in page
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in page and operation["summary"] in page


def test_what_to_type_is_shown(lab: Lab) -> None:
    operations = {
        operation.id: operation
        for group in reference.groups(described(lab)).values()
        for operation in group
    }
    start = operations["notebooks.start"]
    assert start.command == "appliance notebooks start NOTEBOOK_ID"
    assert start.python == "client.notebooks.start(notebook_id)"
    create = operations["notebooks.create"]
    assert "--project PROJECT_ID" in create.command and "project_id=…" in create.python
    find = operations["search.find"]
    assert (find.command, find.python) == ("appliance search find --q Q", "client.search.find(q=…)")
    assert operations["notebooks.list"].answer == "page of NotebookReply"
    assert "state" in [field.name for field in operations["notebooks.list"].fields]
