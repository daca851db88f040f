"""Forks, versions, shares, names and tags of notebooks, with real files in real user namespaces."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance import settings
from appliance.access import NOBODY
from appliance.db import write
from appliance.errors import NotFound
from appliance.runtime.filework import FileWork
from appliance.runtime.limits import FORK_MIB, VERSION_MIB, VERSIONS_KEPT
from plugins_builtin.notebooks import sharing
from tests.lab import Lab
from tests.person import Person, Thing

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="writes maps of user namespaces")


def work(lab: Lab) -> None:
    """Everything that is to be done: copies and removals, and what follows from them."""
    for _ in range(3):
        lab.settle()
        files = FileWork(lab.appliance, lab.places)
        files.turn()
        files.close()
    lab.settle()


def allow(lab: Lab, setting: object, text: str) -> None:
    with write(lab.db) as db:
        settings.put(db, setting, text)  # type: ignore[arg-type]


def put(lab: Lab, notebook: Thing, name: str, text: str, team: str = "lab") -> None:
    """A file as its container would write it."""
    path = lab.config.paths.notebooks / notebook.id / name
    uid = lab.config.team_uid(lab.team(team).slot)
    path.write_text(text)
    os.chown(path, uid, uid)


def text(lab: Lab, notebook: Thing, name: str) -> str:
    return (lab.config.paths.notebooks / notebook.id / name).read_text()


def tree(path: Path) -> list[str]:
    return sorted(str(found.relative_to(path)) for found in path.rglob("*"))


@pytest.fixture
def ran(lab: Lab, ann: Person) -> Thing:
    """A notebook that runs, with files."""
    made = ann.notebook(name="demo", environment={"TOKEN": "for us"})
    lab.settle()
    put(lab, made, "a.ipynb", "first")
    put(lab, made, "data.csv", "1,2")
    return made


def fork(person: Person, source: Thing, status: int = 200, project: str = "", **more: str) -> Thing:
    fields = {"project_id": project or source.project_id, **more}
    return Thing("", person.api("POST", f"notebooks/{source.id}/fork", status, **fields))


def test_a_fork_has_the_files_that_belong_to_it(lab: Lab, ann: Person, ran: Thing) -> None:
    made = fork(ann, ran)
    assert (made.name, made.state, made.files_state) == ("Fork of demo", "Stopped", "copying")
    work(lab)
    made = ann.get(f"notebooks/{made.id}")
    assert (made.files_state, made.forked_from) == (None, ran.id)
    assert tree(lab.config.paths.notebooks / made.id) == ["a.ipynb"]
    put(lab, ran, "a.ipynb", "changed")
    assert text(lab, made, "a.ipynb") == "first"
    ann.act(made, "start")
    lab.settle()
    assert ann.get(made).state == "Running"


def test_a_fork_waits_for_its_files(lab: Lab, ann: Person, ran: Thing) -> None:
    made = fork(ann, ran)
    assert "still being copied" in ann.api("POST", f"notebooks/{made.id}/start", 409)["message"]
    ann.act(ran, "stop")
    lab.settle()
    assert "fork of it" in ann.api("DELETE", f"notebooks/{ran.id}", 409)["message"]
    work(lab)
    ann.api("DELETE", f"notebooks/{ran.id}")


def test_a_fork_of_too_much_says_so(lab: Lab, ann: Person, ran: Thing) -> None:
    allow(lab, FORK_MIB, "1")
    put(lab, ran, "big.ipynb", "x" * (2 << 20))
    made = fork(ann, ran)
    work(lab)
    made = ann.get(f"notebooks/{made.id}")
    assert made.files_state == "failed" and "larger" in made.files_message
    assert "fork again" in ann.api("POST", f"notebooks/{made.id}/start", 409)["message"]


def test_a_fork_of_what_never_ran_has_no_files(lab: Lab, ann: Person) -> None:
    source = ann.notebook(should_run_on_create=False, workspace="https://example.org/demo")
    made = fork(ann, source)
    work(lab)
    made = ann.get(f"notebooks/{made.id}")
    assert (made.files_state, made.workspace) == (None, "https://example.org/demo")


def test_a_fork_that_is_deleted_at_once_leaves_nothing(lab: Lab, ann: Person, ran: Thing) -> None:
    made = fork(ann, ran)
    ann.api("DELETE", f"notebooks/{made.id}")
    work(lab)
    assert tree(lab.config.paths.notebooks) == tree_of(ran)


def tree_of(ran: Thing) -> list[str]:
    return [ran.id, f"{ran.id}/a.ipynb", f"{ran.id}/data.csv"]


def test_only_a_public_notebook_is_forked_by_others(lab: Lab, ann: Person, ran: Thing) -> None:
    eve = lab.person("eve", team="other")
    project = eve.project()
    assert fork(eve, ran, 404, project).code == "NOT_FOUND"
    assert eve.api("GET", f"notebooks/{ran.id}", 404)
    ann.act(ran, "share")
    made = fork(eve, ran, project=project)
    work(lab)
    place = lab.config.paths.notebooks / made.id
    assert tree(place) == ["a.ipynb"]
    uid = lab.config.team_uid(lab.team("other").slot)
    assert {path.stat().st_uid for path in (place, *place.rglob("*"))} == {uid}
    row = lab.db.execute("SELECT environment FROM notebooks WHERE id = ?", [made.id]).fetchone()
    assert "for us" not in row[0]
    assert eve.api("GET", f"notebooks/{ran.id}", 404), "to look at it is not to be in its team"
    ann.act(ran, "unshare")
    fork(eve, ran, 404, project)


def test_nobody_forks_into_a_team_of_others(lab: Lab, ann: Person, ran: Thing) -> None:
    eve = lab.person("eve", team="other")
    fork(ann, ran, 404, eve.project())


def test_a_share_ends_for_good(lab: Lab, ann: Person, ran: Thing) -> None:
    nobody = lab.system.acting_as(NOBODY)
    first = ann.act(ran, "share").share_url
    assert ann.act(ran, "share").share_url == first
    token = first.rpartition("/")[2]
    assert sharing.shared(nobody, token).id == ran.id
    assert ann.act(ran, "unshare").share_url is None
    second = ann.act(ran, "share").share_url
    assert second != first
    with pytest.raises(NotFound):
        sharing.shared(nobody, token)
    with pytest.raises(NotFound):
        sharing.shared(nobody, "")


def test_public_from_the_beginning(lab: Lab, ann: Person) -> None:
    made = ann.notebook(is_public=True)
    assert (
        sharing.shared(lab.system.acting_as(NOBODY), made.share_url.rpartition("/")[2]).id
        == made.id
    )


def session_end(lab: Lab, ann: Person, notebook: Thing) -> str:
    """Stop it; the id of the session."""
    ann.act(notebook, "stop")
    lab.settle()
    work(lab)
    found: str = ann.session(notebook).id
    return found


def test_each_session_leaves_a_version_to_go_back_to(lab: Lab, ann: Person, ran: Thing) -> None:
    first = session_end(lab, ann, ran)
    ann.act(ran, "start")
    lab.settle()
    put(lab, ran, "a.ipynb", "second")
    second = session_end(lab, ann, ran)
    found = ann.api("GET", f"notebooks/{ran.id}/versions")
    assert [(item["session"], item["state"], item["files"]) for item in found] == [
        (second, "ready", 1),
        (first, "ready", 1),
    ]
    made = fork(ann, ran, session=first)
    work(lab)
    assert text(lab, made, "a.ipynb") == "first" and text(lab, ran, "a.ipynb") == "second"


def test_a_version_is_of_its_team_alone(lab: Lab, ann: Person, ran: Thing) -> None:
    session = session_end(lab, ann, ran)
    ann.act(ran, "share")
    eve = lab.person("eve", team="other")
    fork(eve, ran, 404, eve.project(), session=session)


def test_a_session_that_never_began_leaves_none(lab: Lab, ann: Person) -> None:
    made = ann.notebook()
    ann.act(made, "stop")
    work(lab)
    assert ann.api("GET", f"notebooks/{made.id}/versions") == []


def test_old_versions_go(lab: Lab, ann: Person, ran: Thing) -> None:
    allow(lab, VERSIONS_KEPT, "2")
    sessions = [session_end(lab, ann, ran)]
    for _ in range(2):
        ann.act(ran, "start")
        lab.settle()
        sessions.append(session_end(lab, ann, ran))
    kept = sorted(path.name for path in lab.config.paths.versions.iterdir())
    assert kept == sorted(sessions[1:])
    assert fork(ann, ran, 404, session=sessions[0]).code == "NOT_FOUND"


def test_a_version_that_is_too_large_says_so(lab: Lab, ann: Person, ran: Thing) -> None:
    allow(lab, VERSION_MIB, "1")
    put(lab, ran, "big.ipynb", "x" * (2 << 20))
    session = session_end(lab, ann, ran)
    (version,) = ann.api("GET", f"notebooks/{ran.id}/versions")
    assert version["state"] == "failed" and "larger" in version["message"]
    assert "larger" in fork(ann, ran, 409, session=session).message


def test_a_deleted_notebook_leaves_no_version(lab: Lab, ann: Person, ran: Thing) -> None:
    session_end(lab, ann, ran)
    ann.api("DELETE", f"notebooks/{ran.id}")
    work(lab)
    assert tree(lab.config.paths.versions) == tree(lab.config.paths.notebooks) == []


def test_a_version_made_while_its_notebook_is_deleted(lab: Lab, ann: Person, ran: Thing) -> None:
    ann.act(ran, "stop")
    lab.settle()
    ann.api("DELETE", f"notebooks/{ran.id}")
    work(lab)
    assert tree(lab.config.paths.versions) == tree(lab.config.paths.notebooks) == []


def test_a_notebook_gets_another_name(lab: Lab, ann: Person, ran: Thing) -> None:
    assert (
        ann.api("PUT", f"notebooks/{ran.id}", name="new <b>name</b>")["name"] == "new <b>name</b>"
    )
    assert "new &lt;b&gt;name" in ann.page(f"/notebooks/{ran.id}")
    ann.api("PUT", f"notebooks/{ran.id}", 400, name="a\nb")


def test_tags_are_kept_and_found_by(lab: Lab, ann: Person) -> None:
    project = ann.project()
    made = [
        ann.notebook(project, name=f"n{number}", should_run_on_create=False) for number in range(3)
    ]
    for notebook, names in zip(made, (["a", "b"], ["a"], [])):
        for name in names:
            ann.api("POST", f"notebooks/{notebook.id}/tags", name=name)
            ann.api("POST", f"notebooks/{notebook.id}/tags", name=name)
    assert ann.get(made[0]).tags == ["a", "b"]

    def found(query: str) -> list[str]:
        return [item["name"] for item in ann.api("GET", f"notebooks?{query}")["items"]]

    assert found("tag=a") == ["n1", "n0"] and found("tag=a,b") == ["n0"] and found("tag=c") == []
    ann.api("DELETE", f"notebooks/{made[0].id}/tags?name=a")
    assert found("tag=a") == ["n1"]
    assert ann.api("DELETE", f"notebooks/{made[0].id}/tags?name=a", 404)


def test_a_page_of_one_state_is_full(lab: Lab, ann: Person) -> None:
    """However many of other states lie in between."""
    project = ann.project()
    running = ann.notebook(project)
    lab.settle()
    for _ in range(5):
        ann.notebook(project, should_run_on_create=False)
    first = ann.api("GET", "notebooks?state=Running&limit=2")
    assert [item["id"] for item in first["items"]] == [running.id] and not first["hasMore"]
    second = ann.api("GET", "notebooks?state=Stopped&limit=2")
    assert len(second["items"]) == 2 and second["hasMore"]
    rest = ann.api("GET", f"notebooks?state=Stopped&limit=100&after={second['nextPage']}")
    assert len(rest["items"]) == 3
