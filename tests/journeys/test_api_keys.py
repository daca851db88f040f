"""An API key at the real gateway: in by it, and out when it is revoked."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import websocket

from tests.journeys.client import Person, soon
from tests.journeys.instance import PASSWORD, Instance
from tests.journeys.puppet import end
from tests.journeys.test_attacks_people import closes

pytestmark = pytest.mark.containers


@pytest.fixture(scope="module")
def owner(appliance: Instance) -> Iterator[Person]:
    owner = Person(appliance.url, "admin", PASSWORD)
    yield owner
    owner.close()


def test_in_by_key_and_out_when_revoked(appliance: Instance, owner: Person) -> None:
    body = {"user": "admin", "password": PASSWORD, "keyName": "journey"}
    made = httpx.post(f"{appliance.url}/v1/auth/login", json=body, timeout=30).json()
    key = {"Authorization": f"Bearer {made['key']}"}
    notebook = owner.notebook(owner.project("keys"))
    owner.wait(notebook, "running")
    door = owner.enter(notebook)
    base, host = f"{appliance.url}/n/{notebook}", {"Host": door.host}

    def status() -> int:
        headers = {**key, **host, "Accept": "application/json"}
        return httpx.get(f"{base}/api", headers=headers).status_code

    assert status() == 200
    kernel = door.post("api/kernels", {"name": "python3"})["id"]
    wire = websocket.create_connection(
        f"{base.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels",
        header=[f"Authorization: {key['Authorization']}"],
        host=door.host,
        suppress_origin=True,  # a program has none
        timeout=30,
    )
    owner.api("DELETE", f"/api-keys/{made['id']}")
    assert closes(wire)
    assert soon(lambda: status() == 401, 5)
    end(owner, notebook)
