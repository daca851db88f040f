"""The command that a form shows does what the form does."""

from __future__ import annotations

import html
import re
import shlex

import pytest

from appliance.client import Client
from tests.client.served import anybody
from tests.lab import Lab


def shown(page: str) -> list[str]:
    found = re.search(r'data-copy="(appliance [^"]*)"', page)
    assert found, page
    return shlex.split(html.unescape(found[1]))


@pytest.mark.parametrize("what", ["projects", "notebooks"])
def test_it_makes_what_the_form_would(
    lab: Lab, client: Client, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv("APPLIANCE_URL", client.url)
    monkeypatch.setenv("APPLIANCE_API_KEY", vars(client)["_key"])
    ann = lab.person("ann", role="admin")
    project = ann.project("it's a; demo")
    page = "/projects/new" if what == "projects" else f"/projects/{project}/notebooks/new"
    words = shown(ann.page(page))[1:]
    anybody(*words, "--name", "a b")  # a form that is filled in shows one; the last one counts
    assert len(list(client.call(f"{what} list"))) == (2 if what == "projects" else 1)
