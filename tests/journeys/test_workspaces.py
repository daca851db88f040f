"""A workspace, a fork and a version on a real appliance: what one container wrote, another one's program reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.runtime.limits import WORKSPACE_LOCAL
from tests.git_server import GitServer, served
from tests.journeys.client import Person, soon
from tests.journeys.instance import Instance

pytestmark = pytest.mark.containers
SERVES = "; exec python3 -m http.server 8000"


@pytest.fixture()
def server(admin: Person, tmp_path: Path) -> Iterator[GitServer]:
    """A git server on this machine, from which workspaces may come."""
    admin.api("PUT", f"/settings/{WORKSPACE_LOCAL.key}", {"value": "true"})
    with served(tmp_path) as made:
        yield made
    admin.api("PUT", f"/settings/{WORKSPACE_LOCAL.key}", {"value": "false"})


def log(person: Person, notebook: str) -> str:
    text: str = person.api("GET", f"/notebooks/{notebook}/logs")["text"]
    return text


def test_from_a_repository_to_a_fork_of_a_version(
    appliance: Instance, admin: Person, server: GitServer
) -> None:
    url = server.repository("demo", {"a.md": "hello from git"})
    project = admin.project("workspaces")
    writes = f"cat a.md; git log --oneline; echo changed >> a.md; echo $(stat -c %u .){SERVES}"
    notebook = admin.notebook(project, workspace=url, command=writes)
    session = admin.wait(notebook, "starting", "failed", "error")
    assert session["state"] == "starting", session
    assert soon(lambda: "hello from git" in log(admin, notebook), 60), log(admin, notebook)
    admin.api("POST", f"/notebooks/{notebook}/stop")
    admin.wait(notebook, "stopped")

    def version() -> str:
        found = admin.api("GET", f"/notebooks/{notebook}/versions")
        state: str = found[0]["state"] if found else ""
        return state

    assert soon(lambda: version() == "ready", 60), version()
    body = {"projectId": project, "session": session["id"]}
    fork = admin.api("POST", f"/notebooks/{notebook}/fork", body)["id"]
    assert soon(lambda: admin.api("GET", f"/notebooks/{fork}")["filesState"] is None, 60)
    admin.api("POST", f"/notebooks/{fork}/start")
    assert soon(lambda: "changed" in log(admin, fork), 60), log(admin, fork)
    admin.api("POST", f"/notebooks/{fork}/stop")
    admin.wait(fork, "stopped")


def test_a_workspace_that_can_not_be_had(admin: Person) -> None:
    notebook = admin.notebook(admin.project("none"), workspace="http://127.0.0.1:9/none.git")
    session = admin.wait(notebook, "error", "running")
    assert session["reason"] == "WorkspaceFailed" and "this machine itself" in session["message"]
