"""Workspaces that notebooks begin with: fetched by a real git from a real server, hostile ones among them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance import settings
from appliance.db import write
from appliance.plugins import Setting
from appliance.runtime import workloads
from appliance.runtime.limits import WORKSPACE_LOCAL, WORKSPACE_MIB
from tests.git_server import PASSWORD, USER, GitServer, git, served
from tests.lab import Lab
from tests.person import Person, Thing

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="writes maps of user namespaces")
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@pytest.fixture
def server(lab: Lab, tmp_path: Path) -> Iterator[GitServer]:
    """A git server on this machine, from which this appliance may fetch."""
    allow(lab, WORKSPACE_LOCAL, "true")
    with served(tmp_path) as made:
        yield made


def allow(lab: Lab, setting: Setting, text: str) -> None:
    with write(lab.db) as db:
        settings.put(db, setting, text)


def files(lab: Lab, notebook: Thing) -> Path:
    return lab.config.paths.notebooks / notebook.id


def started(lab: Lab, ann: Person, url: str, **fields: str) -> Thing:
    made = ann.notebook(workspace=url, **fields)
    lab.settle()
    return ann.get(made)


def failed(lab: Lab, ann: Person, url: str, **fields: str) -> str:
    """The message that it ended with; nothing of the workspace is left."""
    made = started(lab, ann, url, **fields)
    session = ann.session(made)
    assert (session.state, session.reason) == ("error", "WorkspaceFailed"), session.fields
    assert list(lab.config.paths.notebooks.iterdir()) == []
    message: str = session.message
    return message


def test_a_repository_is_there_before_the_start(lab: Lab, ann: Person, server: GitServer) -> None:
    made = started(lab, ann, server.repository("demo", {"a.ipynb": "{}", "src/b.py": "1"}))
    assert made.state == "Running"
    place = files(lab, made)
    assert sorted(path.name for path in place.iterdir()) == [".git", "a.ipynb", "src"]
    uid = lab.config.team_uid(lab.team("lab").slot)
    assert {path.lstat().st_uid for path in place.rglob("*")} == {uid}
    assert git(place, "-c", f"safe.directory={place}", "status", "--short") == ""


@pytest.mark.parametrize("ref", ["side", "v1", "commit"])
def test_a_ref_is_a_branch_a_tag_or_a_commit(
    lab: Lab, ann: Person, server: GitServer, ref: str
) -> None:
    url = server.repository("demo", {"old": ""})
    work = server.root / "demo.work"
    old = git(work, "rev-parse", "HEAD")
    git(work, "branch", "side")
    git(work, "tag", "v1")
    (work / "new").write_text("")
    git(work, "add", "new")
    server.commit("demo")
    for name in ("main", "side", "v1"):
        server.push("demo", name)
    made = started(lab, ann, url, workspace_ref=old if ref == "commit" else ref)
    assert [path.name for path in files(lab, made).iterdir() if path.name != ".git"] == ["old"]


def test_a_ref_that_is_not_there(lab: Lab, ann: Person, server: GitServer) -> None:
    url = server.repository("demo", {"a": ""})
    assert "no branch, tag or commit nowhere" in failed(lab, ann, url, workspace_ref="nowhere")


def test_a_password_is_needed_and_leaves_no_trace(lab: Lab, ann: Person, server: GitServer) -> None:
    url = server.repository("demo", {"a": ""}).replace("/demo", "/private/demo")
    assert "wants a user name and a password" in failed(lab, ann, url)
    wrong = failed(lab, ann, url, workspace_username=USER, workspace_password="wrong")
    assert "Authentication failed" in wrong
    made = started(lab, ann, url, workspace_username=USER, workspace_password=PASSWORD)
    assert made.state == "Running"
    found = [path for path in files(lab, made).rglob("*") if path.is_file()]
    assert not [path for path in found if PASSWORD.encode() in path.read_bytes()]
    row = workloads.latest(lab.db, [made.id])[made.id]
    assert PASSWORD not in row.spec_json + (row.final_json or "")


def test_a_password_may_be_a_secret(lab: Lab, ann: Person, server: GitServer) -> None:
    url = server.repository("demo", {"a": ""}).replace("/demo", "/private/demo")
    project = ann.project()
    ann.api("POST", f"projects/{project}/secrets", name="GIT", value=PASSWORD)
    made = started(
        lab, ann, url, project=project, workspace_username=USER, workspace_password="secret:GIT"
    )
    assert made.state == "Running"


def test_a_start_tries_again_until_it_worked_once(lab: Lab, ann: Person, server: GitServer) -> None:
    made = started(lab, ann, f"{server.url}/late.git")
    assert made.state == "Error"
    server.repository("late", {"a": "first"})
    ann.act(made, "start")
    lab.settle()
    assert (files(lab, made) / "a").read_text() == "first"
    (files(lab, made) / "a").write_text("mine")
    ann.act(made, "stop")
    lab.settle()
    ann.act(made, "start")
    lab.settle()
    assert ann.get(made).state == "Running"
    assert (files(lab, made) / "a").read_text() == "mine"


def test_what_a_killed_fetch_left_is_no_obstacle(lab: Lab, ann: Person, server: GitServer) -> None:
    url = server.repository("demo", {"a": ""})
    made = ann.notebook(workspace=url)
    part = lab.config.paths.notebooks / lab.workload(made).id
    part.mkdir()
    uid = lab.config.team_uid(lab.team("lab").slot)
    (part / "half").write_text("")
    for path in (part, part / "half"):
        os.chown(path, uid, uid)
    lab.settle()
    assert ann.get(made).state == "Running"
    assert not (files(lab, made) / "half").exists() and not part.exists()


def test_hooks_of_a_repository_do_not_run(lab: Lab, ann: Person, server: GitServer) -> None:
    trace = Path("/tmp") / f"trace-{os.getpid()}"
    program = f"#!/bin/sh\ntouch {trace}\n"
    names = ("hooks/post-checkout", ".githooks/post-checkout")
    url = server.repository(
        "demo", {**{name: program for name in names}, ".gitattributes": "* filter=evil\n"}
    )
    bare = server.root / "demo.git"
    git(bare, "config", "core.hooksPath", "hooks")
    made = started(lab, ann, url)
    assert made.state == "Running" and not trace.exists()
    assert not (files(lab, made) / ".git/hooks").exists()


def test_submodules_are_not_fetched(lab: Lab, ann: Person, server: GitServer) -> None:
    inner = server.repository("inner", {"a": ""})
    server.repository("outer", {"b": ""})
    work = server.root / "outer.work"
    git(work, "submodule", "add", "-q", inner, "inner")
    server.commit("outer")
    server.push("outer", "main")
    made = started(lab, ann, f"{server.url}/outer.git")
    assert made.state == "Running" and list((files(lab, made) / "inner").iterdir()) == []


def test_links_lead_nowhere(lab: Lab, ann: Person, server: GitServer) -> None:
    url = server.repository("demo", {"link:shadow": "/etc/shadow", "link:up": "../../.."})
    made = started(lab, ann, url)
    assert made.state == "Running" and os.readlink(files(lab, made) / "shadow") == "/etc/shadow"
    ann.page(f"/notebooks/{made.id}")


def test_a_tree_larger_than_allowed(lab: Lab, ann: Person, server: GitServer) -> None:
    allow(lab, WORKSPACE_MIB, "1")
    url = server.repository("bomb", {"zeros": "0" * (2 << 20)})  # small as a pack
    assert "more or larger files than are allowed" in failed(lab, ann, url)


def test_a_pack_larger_than_allowed(lab: Lab, ann: Person, server: GitServer) -> None:
    allow(lab, WORKSPACE_MIB, "1")
    url = server.repository("large", {"noise": os.urandom(2 << 20).hex()})
    assert "larger than is allowed" in failed(lab, ann, url)


def test_one_notebook(lab: Lab, ann: Person, server: GitServer) -> None:
    server.pages["/moved/n%20b.ipynb"] = (302, {"Location": "/real"}, b"")
    server.pages["/real"] = (200, {}, NOTEBOOK)
    made = started(lab, ann, f"{server.url}/moved/n%20b.ipynb")
    assert made.state == "Running"
    assert (files(lab, made) / "n b.ipynb").read_bytes() == NOTEBOOK


def test_a_notebook_that_is_none(lab: Lab, ann: Person, server: GitServer) -> None:
    server.pages["/page.ipynb"] = (200, {}, b"<html>sign in</html>")
    server.pages["/loop.ipynb"] = (302, {"Location": "/loop.ipynb"}, b"")
    server.pages["/file.ipynb"] = (302, {"Location": "file:///etc/passwd"}, b"")
    server.pages["/large.ipynb"] = (200, {}, b"{" + bytes(2 << 20))
    allow(lab, WORKSPACE_MIB, "1")
    assert "no notebook" in failed(lab, ann, f"{server.url}/page.ipynb")
    assert "place to place" in failed(lab, ann, f"{server.url}/loop.ipynb")
    assert "only http and https" in failed(lab, ann, f"{server.url}/file.ipynb")
    assert "larger than is allowed" in failed(lab, ann, f"{server.url}/large.ipynb")
    assert "404" in failed(lab, ann, f"{server.url}/none.git/x.ipynb")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"]
)
@pytest.mark.parametrize("path", ["demo.git", "a.ipynb"])
def test_this_machine_itself_is_no_server(lab: Lab, ann: Person, host: str, path: str) -> None:
    assert "this machine itself" in failed(lab, ann, f"http://{host}:9/{path}")


def test_the_network_of_containers_is_no_server(lab: Lab, ann: Person) -> None:
    assert "this machine itself" in failed(lab, ann, f"http://{lab.config.api_address}/a.git")


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/x", "file:///etc", "/etc", "../x", "--upload-pack=x", "-x", "git@github.com:a/b",
        "ssh://github.com/a", "git://github.com/a", "https://ann:word@github.com/a/b", "https://", "https:///x",
        "https://-oProxy/x", "http://a/b\nc", "s3://bucket/x",
    ],
)  # fmt: skip
def test_only_web_addresses_are_taken(ann: Person, url: str) -> None:
    body = {"project_id": ann.project(), "machine_type": "C1", "workspace": url}
    assert "workspace" in ann.api("POST", "notebooks", 400, **body)["message"]


@pytest.mark.parametrize("ref", ["--orphan", "-b", "a b", "a\nb", "a:b"])
def test_only_names_are_refs(ann: Person, ref: str) -> None:
    body = {"project_id": ann.project(), "machine_type": "C1", "workspace": "https://a.org/b"}
    ann.api("POST", "notebooks", 400, workspace_ref=ref, **body)


def test_a_password_goes_to_the_server_that_was_named_alone(
    lab: Lab, ann: Person, server: GitServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with served(tmp_path_factory.mktemp("other")) as other:
        other.pages["/b.ipynb"] = (200, {}, NOTEBOOK)
        server.pages["/a.ipynb"] = (302, {"Location": f"{other.url}/b.ipynb"}, b"")
        url, login = f"{server.url}/a.ipynb", {"workspace_username": USER}
        made = started(lab, ann, url, workspace_password=PASSWORD, **login)
    assert made.state == "Running"
    assert any("Authorization" in headers for headers in server.asked)
    assert not any("Authorization" in headers for headers in other.asked)


def test_a_stop_ends_a_fetch_that_hangs(lab: Lab, ann: Person) -> None:
    """Its server accepts the connection and says nothing."""
    allow(lab, WORKSPACE_LOCAL, "true")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = ann.notebook(workspace=f"http://127.0.0.1:{silent.getsockname()[1]}/x.git")
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(lab.settle)
            with silent.accept()[0]:
                ann.act(made, "stop")
                ended.result()
    lab.settle()
    assert ann.session(made).state == "stopped"
    assert list(lab.config.paths.notebooks.iterdir()) == []
