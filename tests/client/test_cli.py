"""The program against a real appliance: what people and programs see, and what it ends with."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import program
from appliance.client import Client, store
from appliance.client.options import structure
from appliance.errors import Unauthenticated
from tests.client.served import Run, anybody
from tests.lab import Lab
from tests.person import PASSWORD


def made(run: Run, *words: str) -> str:
    found: str = json.loads(run(*words, "--json").stdout)["id"]
    return found


def test_a_project_from_beginning_to_end(run: Run, client: Client) -> None:
    project = made(run, "projects", "create", "--name", "vision [red]x")
    listed = run("projects", "list").stdout
    assert project in listed and "vision [red]x" in listed and "CREATED" in listed
    assert "ago" in listed or "just now" in listed or "in " in listed
    assert json.loads(run("projects", "list", "--json").stdout)["items"][0]["id"] == project
    details = run("projects", "details", project).stdout.splitlines()
    assert [line.split()[0] for line in details[:2]] == ["id", "name"]
    run("projects", "delete", project)
    gone = run("projects", "details", project, status=1)
    assert gone.stdout == "" and gone.stderr.startswith("appliance: no such project")
    assert gone.stderr.count("\n") == 1


def test_words_that_are_no_text(run: Run) -> None:
    for words in (("projects", "create", "--name", "\udcff"), ("projects", "details", "\udcff")):
        assert "is not UTF-8" in run(*words, status=2).stderr


@pytest.mark.parametrize("key", ["kéy", "one\ntwo"])
def test_what_can_not_be_a_key_is_not_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("APPLIANCE_API_KEY", key)
    said = run("projects", "list", status=3).stderr
    assert "can't be an API key" in said and key[:3] not in said


def test_a_key_with_the_end_of_its_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_API_KEY", f"{os.environ['APPLIANCE_API_KEY']}\n")
    run("projects", "list")


@pytest.mark.parametrize(
    "words",
    [
        ["--project", "{}", "--instance-type", "C1", "--image", "notebook"],
        ["--projectId", "{}", "--machineType", "C1", "--container", "x/y:1"],
        ["--project-id={}", "--machine-type=C1", "--container=notebook"],
    ],
)
def test_every_spelling_of_an_option(run: Run, client: Client, words: list[str]) -> None:
    project = made(run, "projects", "create", "--name", "a")
    given = [word.format(project) for word in words]
    options = ["--env", "A=1=2", "--environment", '{"B": "x"}', "--no-should-run-on-create"]
    notebook = client.notebooks.details(made(run, "notebooks", "create", *given, *options))
    assert (notebook.project_id, notebook.machine_type) == (project, "C1")
    assert notebook.state == "Stopped"
    assert "ann@example.org" in run("notebooks", "details", "--id", notebook.id).stdout
    assert run("notebooks", "details", "--notebookId", notebook.id).stdout
    assert notebook.id in run("notebooks", "list-project", "--project", project).stdout


def test_what_has_no_meaning_is_taken_and_told(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    project = made(run, "projects", "create", "--name", "a")
    words = ["--project", project, "--instance-type", "C1", "--clusterId", "clx", "--isPublic"]
    made(run, "notebooks", "create", *words)
    assert "clusterId" in caplog.text
    assert "--cluster" not in run("notebooks", "create", "--help").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["projects", "create"], "--name"),
        (["projects", "details"], "PROJECT_ID"),
        (["projects", "details", "a", "b"], "unexpected"),
        (["projects", "details", ".."], "is no PROJECT_ID"),
        (["projects", "list", "--limit", "0"], "--limit"),
        (["projects", "list", "--order", "up"], "asc"),
        (["projects", "lsit"], "lsit"),
        (["nothing"], "nothing"),
        (["notebooks", "create", "--project", "p", "--instance-type", "C1", "--env", "A"], "'A'"),
    ],
)
def test_wrong_usage_is_two(run: Run, words: list[str], said: str) -> None:
    assert said in run(*words, status=2).stderr


def test_not_signed_in_is_three_and_nobody_there_is_four(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.client.transport.FIRST_DELAY_S", 0)
    monkeypatch.setenv("APPLIANCE_API_KEY", "ak-wrong")
    run("projects", "list", status=3)
    monkeypatch.setenv("APPLIANCE_URL", "http://127.0.0.1:1")
    assert "can't be reached" in run("projects", "list", status=4).stderr
    monkeypatch.delenv("APPLIANCE_URL")
    monkeypatch.delenv("APPLIANCE_API_KEY")
    assert "appliance login" in run("projects", "list", status=3).stderr


def test_help_names_groups_by_what_they_hold(run: Run) -> None:
    found = dict(
        line.split(None, 1) for line in run("--help").stdout.splitlines() if "  " in line.strip()
    )
    assert (found["projects"], found["api-keys"]) == ("Projects", "API keys")


def test_what_keys_may_not_do(run: Run) -> None:
    listed = run("api-keys", "--help").stdout
    assert "delete" in listed and "create" not in listed
    for words in ([], ["--name", "x"]):
        said = run("api-keys", "create", *words, status=1).stderr
        assert "appliance login" in said and said.count("\n") == 1


def test_limit_and_pages(run: Run) -> None:
    for number in range(4):
        made(run, "projects", "create", "--name", f"p{number}")
    some = json.loads(run("projects", "list", "--limit", "3", "--json").stdout)
    assert [item["name"] for item in some["items"]] == ["p3", "p2", "p1"] and some["hasMore"]
    rest = run("projects", "list", "--after", some["nextPage"]).stdout
    assert "p0" in rest and "p1" not in rest


def test_what_others_typed_does_not_reach_the_terminal(run: Run, lab: Lab, client: Client) -> None:
    made(run, "projects", "create", "--name", "a\x9b2Jb\u202ec")
    assert "\x9b" not in run("projects", "list").stdout
    assert "\x9b" not in run("projects", "list", "--json").stdout


@pytest.fixture
def moving(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An appliance that works while the program waits."""
    patient = functools.partial(Client, pause=lambda _: lab.settle())
    monkeypatch.setattr("appliance.client.watching.Client", patient)


def test_waiting_tells_the_truth(run: Run, moving: None) -> None:
    project = made(run, "projects", "create", "--name", "a")
    create = ["notebooks", "create", "--project", project, "--wait", "--json", "--instance-type"]
    ready = json.loads(run(*create, "C1").stdout)
    assert ready["state"] == "Running"
    assert (
        json.loads(run("notebooks", "stop", ready["id"], "--wait", "--json").stdout)["state"]
        == "Stopped"
    )
    never = run(*create, "C1", "--no-should-run-on-create", status=1)
    assert json.loads(never.stdout)["state"] == "Stopped" and "not Running" in never.stderr


def test_watching_ends_when_nothing_moves(run: Run, moving: None) -> None:
    project = made(run, "projects", "create", "--name", "a")
    notebook = made(run, "notebooks", "create", "--project", project, "--instance-type", "C1")
    assert "Running" in run("notebooks", "details", notebook, "--watch").stdout


def test_watching_for_programs(run: Run, moving: None) -> None:
    project = made(run, "projects", "create", "--name", "a")
    notebook = made(run, "notebooks", "create", "--project", project, "--instance-type", "C1")
    lines = run("notebooks", "details", notebook, "--watch", "--json").stdout.splitlines()
    states = [json.loads(line)["state"] for line in lines]
    assert states[0] != "Running" == states[-1] and len(set(lines)) == len(lines)


def test_watching_ends_with_ctrl_c(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    patient = functools.partial(Client, pause=interrupted)
    monkeypatch.setattr("appliance.client.watching.Client", patient)
    made(run, "projects", "create", "--name", "watched")
    assert "watched" in run("projects", "list", "--watch").stdout


def test_logs_are_lines(run: Run, lab: Lab, client: Client) -> None:
    project = made(run, "projects", "create", "--name", "a")
    notebook = made(run, "notebooks", "create", "--project", project, "--instance-type", "C1")
    lab.settle()
    directory = lab.appliance.config.paths.logs / lab.workload(notebook).id
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "00000000000000000000.log").write_text("one\ntwo\n")
    assert run("notebooks", "logs", notebook).stdout == "one\ntwo\n"


class TestSigningIn:
    def test_the_key_is_kept_and_works(self, lab: Lab, url: str) -> None:
        lab.person("ann")
        anybody("login", url, "--user", "ann", text=f"{PASSWORD}\n")
        assert "ann@example.org" in anybody("whoami").stdout
        anybody("projects", "create", "--name", "a")
        assert json.loads(anybody("whoami", "--json").stdout)["team"]["namespace"] == "lab"

    def test_the_key_alone_is_printed(self, lab: Lab, url: str) -> None:
        lab.person("ann")
        words = ["login", url, "--user", "ann", "--password", PASSWORD, "--print-key"]
        key = anybody(*words).stdout.strip()
        kept = store.kept_login()
        assert kept is not None and kept.key == key
        with Client(url, key) as client:
            assert client.projects.create(name="a").name == "a"

    def test_a_new_key_takes_the_place_of_the_old(self, lab: Lab, url: str) -> None:
        ann = lab.person("ann")
        words = ["login", url, "--user", "ann", "--password", PASSWORD, "--print-key"]
        first, second = (anybody(*words).stdout.strip() for _ in range(2))
        with Client(url, first) as client, pytest.raises(Unauthenticated):
            client.auth.session()
        anybody("login", url, "--key", second)
        assert anybody("logout").stdout == "signed out\n"
        page = ann.post("api-keys", name="laptop").key
        anybody("login", url, "--key", page)
        anybody(*words)
        with Client(url, page) as client:  # it was made for something else as well, maybe
            assert client.auth.session() is not None

    def test_a_key_from_the_page(self, lab: Lab, url: str) -> None:
        key = lab.person("ann").post("api-keys", name="laptop").key
        anybody("login", url, "--key", key)
        assert "ann" in anybody("whoami").stdout
        assert "stays valid" in anybody("logout").stdout

    def test_a_wrong_password_keeps_nothing(self, lab: Lab, url: str) -> None:
        lab.person("ann")
        refused = anybody("login", url, "--user", "ann", "--password", "no", status=3)
        assert refused.stderr.count("\n") == 1 and store.kept_login() is None

    def test_a_wrong_key_keeps_nothing(self, url: str) -> None:
        anybody("login", url, "--key", "ak-x", status=3)
        assert store.kept_login() is None

    def test_signing_out_ends_the_key(self, lab: Lab, url: str) -> None:
        lab.person("ann")
        words = ["login", url, "--user", "ann", "--password", PASSWORD, "--print-key"]
        key = anybody(*words).stdout.strip()
        assert anybody("logout").stdout == "signed out\n"
        assert "not signed in" in anybody("logout").stdout
        anybody("projects", "list", status=3)
        with Client(url, key) as client, pytest.raises(Unauthenticated):
            client.auth.session()

    @pytest.mark.parametrize("url", ["127.0.0.1", "ftp://x", ""])
    def test_what_is_no_url(self, url: str) -> None:
        assert "looks like" in anybody("login", url, "--key", "k", status=1).stderr


def test_words_of_a_newer_server(run: Run, client: Client) -> None:
    older = json.loads(json.dumps(client.document.raw))
    del older["paths"]["/projects"]["post"]
    store.keep_document(client.url, type(client.document)(older, "older"))
    assert "create" not in run("projects", "--help").stdout
    made(run, "projects", "create", "--name", "a")
    assert "create" in run("projects", "--help").stdout


def test_completion_of_words(run: Run) -> None:
    assert "_APPLIANCE_COMPLETE" in run("completion", "bash").stdout
    env = {
        "_APPLIANCE_COMPLETE": "bash_complete",
        "COMP_WORDS": "appliance proj",
        "COMP_CWORD": "1",
    }
    found = CliRunner().invoke(program, [], env=env, prog_name="appliance")
    assert found.stdout == "plain,projects\n"


def test_files_and_yaml_for_structures(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("jobs:\n  one: {needs: []}\n")
    assert structure(f"@{spec}") == structure('{"jobs": {"one": {"needs": []}}}')
