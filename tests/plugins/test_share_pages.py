"""A public notebook at its address: for anybody, what its newest session left, and nothing else."""

from __future__ import annotations

import os

import pytest

from tests.lab import Lab
from tests.person import Person
from tests.plugins.test_forks import put, work
from tests.web.supervising import files_served

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="writes maps of user namespaces")


def test_what_the_newest_session_left(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook(name="demo")
    lab.settle()
    put(lab, notebook, "README.md", "# Hello world")
    put(lab, notebook, "secret.csv", "1,2")
    address = ann.api("POST", f"notebooks/{notebook.id}/share")["shareUrl"]
    path = address.removeprefix(lab.config.base_url)
    anybody = lab.app.test_client()
    assert "nothing to look at yet" in anybody.get(path).text
    ann.act(notebook, "stop")
    work(lab)
    with files_served(lab):
        page = anybody.get(path)
        view = anybody.get(f"{path}/view/README.md")
        missing = anybody.get(f"{path}/view/secret.csv")
    assert page.status_code == 200 and "README.md" in page.text and "secret.csv" not in page.text
    assert f"{path}/rendered/" in view.text and "sandbox=" in view.text
    source = view.text.split('<iframe class="view" src="')[1].split('"')[0]
    answer = anybody.get(source)
    assert answer.status_code == 200 and answer.headers["X-Accel-Redirect"].startswith(
        "/_rendered/w"
    )
    assert "<iframe" not in missing.text
    for text in (page.text, view.text):
        assert "ann" not in text.replace("channel", "") and "example.org" not in text
    ann.api("POST", f"notebooks/{notebook.id}/unshare")
    for url in (path, f"{path}/view/README.md", source):
        assert anybody.get(url).status_code == 404
