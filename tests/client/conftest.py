"""A home directory of its own for every test, and an appliance that answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.client import Client
from tests.client.served import Run, anybody, served
from tests.lab import Lab
from tests.program import signed_in


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the client keeps login and copies of documents."""
    for name in ("APPLIANCE_URL", "APPLIANCE_API_KEY", "APPLIANCE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def url(lab: Lab) -> Iterator[str]:
    """The lab at a real port."""
    with served(lab) as found:
        yield found


@pytest.fixture
def client(lab: Lab, url: str) -> Iterator[Client]:
    """Ann's, with a key."""
    lab.person("ann", role="admin")
    with Client(url, signed_in(lab, "ann").key) as made:
        yield made


@pytest.fixture
def run(client: Client, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run("projects", "list"): as Ann."""
    key = vars(client)["_key"]
    monkeypatch.setenv("APPLIANCE_URL", client.url)
    monkeypatch.setenv("APPLIANCE_API_KEY", key)
    return anybody
