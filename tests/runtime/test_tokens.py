"""A workload's own token: good while it lives, in its project, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from appliance.access import NOBODY
from appliance.crypto import load_keys
from appliance.errors import Invalid
from appliance.runtime.tokens import workload_principal, workload_token
from tests.lab import Lab, Person


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_good_exactly_while_it_lives(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    token = workload_token(lab.appliance.keys, lab.workload(notebook).id)
    stranger = lab.app.test_client()
    path = f"/v1/projects/{notebook.project_id}"
    assert stranger.get(path, headers=bearer(token)).status_code == 200
    lab.settle()
    assert stranger.get(path, headers=bearer(token)).status_code == 200
    ann.act(notebook, "stop")
    lab.settle()
    assert stranger.get(path, headers=bearer(token)).status_code == 401
    ann.act(notebook, "start")
    assert stranger.get(path, headers=bearer(token)).status_code == 401


def test_its_own_project_only(lab: Lab, ann: Person) -> None:
    mine, other = ann.notebook(), ann.notebook(name="other")
    token = workload_token(lab.appliance.keys, lab.workload(mine).id)
    client = lab.app.test_client()

    def status(path: str) -> int:
        return client.get(f"/v1/{path}", headers=bearer(token)).status_code

    assert status(mine.path) == 200
    assert status(other.path) == 404
    assert status(f"projects/{other.project_id}") == 404
    for path, only in (("projects", mine.project_id), ("notebooks", mine.id)):
        listed: Any = client.get(f"/v1/{path}", headers=bearer(token)).json
        assert [item["id"] for item in listed["items"]] == [only]
    made = client.post("/v1/projects", json={"name": "more"}, headers=bearer(token))
    assert made.status_code == 403


@pytest.mark.parametrize(
    "bad",
    ["", "wt-", "wt--", "wt-{id}-", "wt-{id}-{wrong}", "{id}-{mac}", "wt-wother-{mac}", "wt-{id}-é"]
    + ["wt-{id}-{mac}x", "wt-é-{mac}", "{mac}"],
)
def test_wrong_ones_are_nobodys(lab: Lab, ann: Person, bad: str) -> None:
    notebook = ann.notebook()
    workload_id = lab.workload(notebook).id
    mac = workload_token(lab.appliance.keys, workload_id).rpartition(workload_id)[2][1:]
    text = bad.format(id=workload_id, mac=mac, wrong=mac[::-1])
    assert workload_principal(lab.db, lab.appliance.keys, text) is NOBODY
    answer = lab.app.test_client().get("/v1/projects", headers=bearer(text))
    assert answer.status_code == 401


def test_a_token_of_another_instance_is_worth_nothing(lab: Lab, ann: Person) -> None:
    workload_id = lab.workload(ann.notebook()).id
    token = workload_token(replace(lab.appliance.keys, secret=b"k" * 32), workload_id)
    assert workload_principal(lab.db, lab.appliance.keys, token) is NOBODY


def test_purposes_are_apart(lab: Lab) -> None:
    keys = lab.appliance.keys
    assert keys.mac("a", "b") != keys.mac("b", "a") != keys.mac("", "ab")
    assert keys.check("a", "b", keys.mac("a", "b")) and not keys.check("a", "c", keys.mac("a", "b"))


def test_a_cut_key_file_is_refused(lab: Lab) -> None:
    path = lab.config.paths.secret_key
    path.write_bytes(path.read_bytes()[:31])
    with pytest.raises(Invalid, match="damaged"):
        load_keys(path, lab.config.paths.key_ring)
