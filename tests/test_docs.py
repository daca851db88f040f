"""What the documentation says is what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Lab
from tests.plugins.thirdparty import drop, forget_modules, start_again

ROOT = Path(__file__).parent.parent


@pytest.fixture
def notes(lab: Lab) -> Iterator[Lab]:
    """A lab with the plugin that the README shows."""
    readme = (ROOT / "README.md").read_text()
    code = re.search(
        r"^## Write a plugin\n.*?^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL
    )
    assert code is not None
    drop(lab, "notes", code[1], head="")
    found = start_again(lab)["notes"]
    assert (found.state, found.version) == ("on", "1"), found.reason
    yield lab
    forget_modules()


def test_the_readmes_plugin_works(notes: Lab) -> None:
    ann = notes.person("ann")
    project = ann.project()
    made = ann.api("POST", f"projects/{project}/notes", text="Water the plants")
    assert ann.api("GET", f"projects/{project}/notes") == [made]
    assert "/projects/{projectId}/notes" in ann.api("GET", "openapi.json")["paths"]
    notes.person("eve", team="other").api("GET", f"projects/{project}/notes", 404)
