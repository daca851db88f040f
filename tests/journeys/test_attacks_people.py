"""People without the right: of another team, removed while they work, signed out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
import websocket

from tests.journeys.client import Door, Person, execute, soon
from tests.journeys.instance import PASSWORD, Instance
from tests.journeys.puppet import end

pytestmark = pytest.mark.containers

CLOSED_WITHIN_S = 10.0
CACHED_S = 5.0


@pytest.fixture(scope="module")
def owner(appliance: Instance) -> Iterator[Person]:
    owner = Person(appliance.url, "admin", PASSWORD)
    yield owner
    owner.close()


@pytest.fixture(scope="module")
def notebook(owner: Person) -> Iterator[str]:
    """A running JupyterLab in the owner's team."""
    notebook = owner.notebook(owner.project("people"))
    owner.wait(notebook, "running")
    yield notebook
    end(owner, notebook)


def kernel_of(door: Door) -> websocket.WebSocket:
    kernel = door.post("api/kernels", {"name": "python3"})["id"]
    wire = door.connect(f"api/kernels/{kernel}/channels")
    assert execute(wire, "6*7") == "42"
    return wire


def closes(wire: websocket.WebSocket) -> bool:
    """Whether the other side ends it within seconds."""
    wire.settimeout(CLOSED_WITHIN_S)
    try:
        while wire.recv():
            pass
    except websocket.WebSocketTimeoutException:
        return False
    except (websocket.WebSocketConnectionClosedException, OSError):
        pass
    finally:
        wire.shutdown()
    return True


def status(door: Door) -> int:
    return door.request("GET", "api", headers={"Accept": "application/json"}).status_code


PAGES = (
    "",
    "/card",
    "/files",
    "/files?path=..",
    "/files/download?path=secret.txt",
    "/sessions",
    "/log",
)


def test_a_stranger_finds_nothing(appliance: Instance, owner: Person, notebook: str) -> None:
    appliance.command("teams", "add", "others")
    stranger = Person(appliance.url, "other", appliance.add_user("other", "others"))
    project = owner.api("GET", f"/notebooks/{notebook}")["projectId"]
    session = owner.session(notebook)["id"]
    pages = [f"/notebooks/{notebook}{page}" for page in PAGES]
    pages += [f"/notebooks/{notebook}/log/{session}", f"/open/n/{notebook}"]
    pages += [
        f"/projects/{project}{page}"
        for page in ("", "/notebooks", "/notebooks/rows", "/notebooks/new", "/settings")
    ]
    for path in pages:
        assert stranger.request("GET", path).status_code == 404, path
    for path in (f"/v1/notebooks/{notebook}", f"/v1/notebooks/{notebook}/logs", f"/v1/notebooks/{notebook}/sessions",
                 f"/v1/projects/{project}", f"/v1/projects/{project}/notebooks"):  # fmt: skip
        assert stranger.request("GET", path).status_code == 404, path
    for method, path in (
        ("POST", f"/v1/notebooks/{notebook}/stop"),
        ("POST", f"/v1/notebooks/{notebook}/start"),
        ("DELETE", f"/v1/notebooks/{notebook}"),
        ("DELETE", f"/v1/projects/{project}"),
        ("POST", f"/notebooks/{notebook}/stop"),
        ("POST", f"/notebooks/{notebook}/delete"),
        ("POST", f"/projects/{project}/delete"),
    ):
        assert stranger.request(method, path).status_code == 404, path
    body = {"name": "x", "projectId": project, "machineType": "C1"}
    assert stranger.request("POST", "/v1/notebooks", json=body).status_code == 404
    assert notebook not in stranger.request("GET", "/v1/notebooks").text
    log = stranger.request("GET", f"/stream?log={session}&offset=0")
    assert log.status_code == 404, log.text
    assert owner.session(notebook)["state"] == "running"
    stranger.close()


def test_a_stranger_does_not_pass_the_gateway(
    appliance: Instance, notebook: str, owner: Person
) -> None:
    stranger = Person(appliance.url, "further", appliance.add_user("further", "lab"))
    appliance.command("teams", "leave", "lab", "further")
    host = owner.enter(notebook).host
    session = stranger.http.cookies["appliance_session"]
    for gate in ("", session, f"x; appliance_session={session}"):
        door = Door(appliance.url, host, notebook, gate)
        assert status(door) == 401
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            door.connect("api/kernels/x/channels")
        assert refused.value.status_code == 401
    stranger.close()


def test_one_ticket_opens_one_door_once(appliance: Instance, owner: Person, notebook: str) -> None:
    answer = owner.http.get(f"/open/n/{notebook}?next=//evil.example/")
    target = httpx.URL(answer.headers["location"])
    headers = {"Host": target.netloc.decode()}
    link = f"{appliance.url}{target.raw_path.decode()}"
    first = httpx.get(link, headers=headers)
    assert first.status_code == 303 and first.headers["location"] == f"/n/{notebook}/"
    assert httpx.get(link, headers=headers).status_code == 401
    gate = first.headers["set-cookie"]
    assert f"Path=/n/{notebook}/" in gate and "HttpOnly" in gate and "Domain" not in gate


@pytest.fixture()
def colleague(appliance: Instance) -> Iterator[Callable[[str], Person]]:
    """A new member of the team by name."""
    people: list[Person] = []

    def join(name: str) -> Person:
        people.append(Person(appliance.url, name, appliance.add_user(name, "lab")))
        return people[-1]

    yield join
    for person in people:
        person.close()


def test_a_removed_member_is_out_at_once(
    appliance: Instance, notebook: str, colleague: Callable[[str], Person], owner: Person
) -> None:
    bob = colleague("bob")
    door = bob.enter(notebook)
    wire = kernel_of(door)
    kept = kernel_of(owner.enter(notebook))
    appliance.command("teams", "leave", "lab", "bob")
    assert bob.request("GET", f"/v1/notebooks/{notebook}").status_code == 404
    assert bob.request("GET", f"/open/n/{notebook}").status_code == 404
    assert closes(wire)
    assert soon(lambda: status(door) == 404, CACHED_S)
    with pytest.raises(websocket.WebSocketBadStatusException):
        door.connect("api/kernels/x/channels")
    assert execute(kept, "6*7") == "42", "who stays is not disturbed"
    kept.close()


def test_signing_out_closes_what_was_opened(
    notebook: str, colleague: Callable[[str], Person]
) -> None:
    eve = colleague("eve")
    door = eve.enter(notebook)
    wire = kernel_of(door)
    assert eve.request("POST", "/logout").status_code == 303
    assert eve.request("GET", "/v1/projects").status_code == 401
    assert closes(wire)
    assert soon(lambda: status(door) == 401, CACHED_S)


def test_a_disabled_user_is_out(
    appliance: Instance, notebook: str, colleague: Callable[[str], Person]
) -> None:
    dan = colleague("dan")
    door = dan.enter(notebook)
    wire = kernel_of(door)
    appliance.command("users", "disable", "dan")
    assert dan.request("GET", "/v1/projects").status_code == 401
    assert closes(wire)
    assert soon(lambda: status(door) == 401, CACHED_S)


def test_a_stopped_notebook_ends_its_connections(owner: Person) -> None:
    notebook = owner.notebook(owner.project("short"))
    owner.wait(notebook, "running")
    door = owner.enter(notebook)
    wire = kernel_of(door)
    owner.api("POST", f"/notebooks/{notebook}/stop")
    assert closes(wire)
    owner.wait(notebook, "stopped")
    assert soon(lambda: status(door) == 503, CACHED_S)
    end(owner, notebook)
