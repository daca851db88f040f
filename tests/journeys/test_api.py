"""The main job over the API: from signing in to a cell's result, and its file after a restart."""

from __future__ import annotations

import pytest

from tests.journeys.client import Person

pytestmark = pytest.mark.containers


def test_a_cell_runs_and_its_file_outlives_the_container(admin: Person) -> None:
    notebook = admin.notebook(admin.project())
    admin.wait(notebook, "running")
    door = admin.enter(notebook)
    assert door.run("open('/notebooks/kept.txt', 'w').write('here'); 6*7") == "42"

    admin.api("POST", f"/notebooks/{notebook}/stop")
    assert admin.wait(notebook, "stopped")["reason"] == "Stopped"
    admin.api("POST", f"/notebooks/{notebook}/start", {})
    while admin.session(notebook)["state"] in ("pending", "provisioning", "starting"):
        door.request("GET", "api")  # as the page that says so does: whoever waits gets in at once
    assert admin.session(notebook)["state"] == "running"
    assert door.request("GET", "api").status_code == 200
    assert door.run("open('/notebooks/kept.txt').read()") == "'here'"

    admin.api("POST", f"/notebooks/{notebook}/stop")
    admin.wait(notebook, "stopped")
    admin.api("DELETE", f"/notebooks/{notebook}")
    assert admin.request("GET", f"/v1/notebooks/{notebook}").status_code == 404
