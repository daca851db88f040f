"""The SDK against a real appliance: every kind of answer, errors by class, words that come and go."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance import errors
from appliance.client import Client, Record, store
from appliance.client.document import Document, Request
from tests.lab import Lab


def test_what_it_makes_it_finds_again(client: Client) -> None:
    made = client.projects.create(name="vision")
    assert client.projects.details(made.id) == made
    assert client.projects.update(made.id, name="speech").name == "speech"
    client.projects.delete(made.id)
    with pytest.raises(errors.NotFound, match="no such project"):
        client.projects.details(made.id)


def test_moments_are_datetimes_and_parts_are_records(lab: Lab, client: Client) -> None:
    project = client.projects.create(name="vision")
    assert project.dt_created - datetime.fromtimestamp(lab.clock.now_ms() / 1000, UTC) < timedelta(
        1
    )
    (member,) = client.teams.members.list(lab.team("lab").id)
    assert isinstance(member.user, Record) and member.user.email == "ann@example.org"
    assert project.to_dict()["dtCreated"].endswith("Z") and project.dt_deleted is None
    with pytest.raises(AttributeError, match="dt_created"):
        getattr(project, "created")


def test_pages_are_fetched_as_one_reads(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        client.projects.create(name=f"p{number}")
    asked: list[Request] = []
    send = client.send

    def counted(request: Request) -> Any:
        asked.append(request)
        return send(request)

    monkeypatch.setattr(client, "send", counted)
    monkeypatch.setattr("appliance.client.sdk.MOST_PER_PAGE", 2)
    names = iter(client.projects.list(limit=3, order="asc"))
    assert asked == []
    assert [next(names).name, next(names).name] == ["p0", "p1"] and len(asked) == 1
    assert [project.name for project in names] == ["p2"]
    assert len(list(client.projects.list())) == 5


def test_errors_come_by_class_with_the_servers_words(client: Client) -> None:
    with pytest.raises(errors.Invalid) as caught:
        client.projects.create(name=" ")
    assert caught.value.issues and "name" in str(caught.value)
    notebook = client.notebooks.create(
        project_id=client.projects.create(name="a").id, machine_type="C1"
    )
    with pytest.raises(errors.Conflict):
        client.notebooks.start(notebook.id)


def test_wrong_arguments_are_told_before_anything_is_sent(client: Any) -> None:
    for call, said in [
        (lambda: client.projects.create(nmae="x"), "nmae"),
        (lambda: client.projects.create(), "needs name"),
        (lambda: client.projects.details(), "needs project_id"),
        (lambda: client.projects.details("a", "b"), "by position"),
        (lambda: client.projects.details("a", project_id="b"), "twice"),
        (lambda: client.projects.list(limt=3), "limt"),
    ]:
        with pytest.raises(TypeError, match=said):
            call()


def test_an_id_can_not_become_another_path(client: Client) -> None:
    with pytest.raises(errors.NotFound):
        client.projects.details("../teams")
    with pytest.raises(errors.NotFound):
        client.projects.details("x?limit=1#")


def test_logs_come_as_lines(lab: Lab, client: Client) -> None:
    notebook = client.notebooks.create(
        project_id=client.projects.create(name="a").id, machine_type="C1"
    )
    assert list(client.notebooks.logs(notebook.id)) == []
    lab.settle()
    directory = lab.appliance.config.paths.logs / lab.workload(notebook.id).id
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "00000000000000000000.log").write_bytes("one\nzwei ü\nunfinished".encode())
    assert list(client.notebooks.logs(notebook.id)) == ["one", "zwei ü", "unfinished"]


def test_waiting_reports_and_ends(lab: Lab, client: Client) -> None:
    seen = []
    client.pause = lambda _: lab.settle()
    notebook = client.notebooks.create(
        project_id=client.projects.create(name="a").id, machine_type="C1"
    )
    ready = client.wait(notebook, progress=lambda record: seen.append(record.state))
    assert ready.state == "Running" and seen[-1] == "Running"
    stopped = client.wait(client.notebooks.stop(notebook.id))
    assert stopped.state == "Stopped"
    with pytest.raises(TypeError, match="nothing to wait for"):
        client.wait(client.projects.create(name="b"))


def test_a_wait_has_an_end(lab: Lab, client: Client) -> None:
    client.pause = lambda _: None
    notebook = client.notebooks.create(
        project_id=client.projects.create(name="a").id, machine_type="C1"
    )
    with pytest.raises(TimeoutError, match="still Pending"):
        client.wait(notebook, timeout_s=0.01)


def test_unknown_words_name_those_there_are(client: Any) -> None:
    with pytest.raises(AttributeError, match="projects"):
        client.projcets
    with pytest.raises(AttributeError, match="create"):
        client.projects.craete
    assert "create" in dir(client.projects)


def test_words_of_a_newer_server_are_learnt(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = json.loads(json.dumps(client.document.raw))
    del raw["paths"]["/projects/{projectId}"]
    client._document = Document(raw, "an older one")
    made = client.projects.create(name="a")
    assert client.projects.details(made.id) == made
    assert store.document_of(client.url).version == client.document.version != "an older one"


def test_without_a_server_or_a_key(url: str) -> None:
    with pytest.raises(errors.Unauthenticated, match="appliance login"):
        Client()
    with Client(url) as nobody, pytest.raises(errors.Unauthenticated, match="no API key"):
        nobody.projects.list()
    with Client(url, "ak-wrong") as wrong, pytest.raises(errors.Unauthenticated):
        list(wrong.projects.list())


def test_a_kept_key_goes_to_its_own_server_only(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store.keep_login(store.Login("http://one:1", "secret"))
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o77 == 0
    assert store.login().key == store.login("http://one:1/v1/").key == "secret"
    assert store.login("http://two:1").key == ""
    monkeypatch.setenv("APPLIANCE_URL", "http://two:1")
    assert store.login().key == ""


@pytest.mark.parametrize("text", ["{", "[]", '{"url": 1, "key": "a", "key_id": ""}', "\0"])
def test_a_broken_login_file_is_none(home: Path, text: str) -> None:
    path = store.keep_login(store.Login("http://one:1", "secret"))
    path.write_text(text)
    assert store.kept_login() is None


def test_a_home_that_is_closed_costs_time_only(
    home: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "file"))
    client.refresh()
    assert store.document_of(client.url).version == store.bundled().version


def test_what_a_newer_server_says_in_new_ways_costs_nothing_else(client: Client) -> None:
    raw = json.loads(json.dumps(client.document.raw))
    raw["paths"]["/projects"]["post"]["x-appliance"] = {"kind": "hologram"}
    raw["paths"]["/projects"]["get"]["responses"] = {}
    store.keep_document(client.url, Document(raw, "newer"))
    known = store.document_of(client.url)
    assert "details" in known.below(("projects",)) and "create" not in known.below(("projects",))
