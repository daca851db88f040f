"""The machine's own commands beside those of the API: who is asked, and what a client alone says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from appliance import cli, config, server
from appliance.client import store
from tests.client.served import anybody
from tests.lab import Lab

ROOT = Path(__file__).parents[2]


@pytest.fixture
def machine(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab is this machine's appliance."""
    config.save(lab.appliance.config)
    monkeypatch.setenv("APPLIANCE_DATA", str(lab.appliance.config.data))


def test_a_group_that_both_have_shows_both(machine: None) -> None:
    shown = anybody("teams", "--help").stdout
    assert "members" in shown and "join" in shown
    anybody("teams", "add", "vision")
    assert "vision" in anybody("teams", "list").stdout
    anybody("teams", "members", "list", status=2)


def test_what_plugins_add_is_found_and_all_of_it_under_admin(machine: None) -> None:
    anybody("admin", "teams", "add", "vision")
    assert "password: " in anybody("users", "add", "ann", "--team", "vision").stdout
    assert "users" in anybody("--help").stdout and "users" in anybody("admin", "--help").stdout


def test_the_program_knows_the_commands_of_the_machine() -> None:
    known = {name: one.get_short_help_str(80) for name, one in server.admin.commands.items()}
    del known["settings"]  # the API has words for these; the machine's own are below `admin`
    assert set(cli.MACHINE) == {"admin", *known}
    assert set(store.bundled_admin()) <= set(
        server.admin.list_commands(click.Context(server.admin))
    )


def test_the_client_alone_says_where_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_has_server", lambda: False)
    helped = anybody("--help").stdout
    assert "projects" in helped and "login" in helped and "doctor" not in helped
    for word in ("up", "users", "admin"):
        assert "own machine" in anybody(word, status=1).stderr
    assert "members" in anybody("teams", "--help").stdout
    anybody("nothing", status=2)


@pytest.mark.parametrize("words", [["--help"], ["projects", "--help"], ["completion", "bash"]])
def test_it_starts_without_the_server_and_without_http(words: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['appliance', *{words!r}]\n"
        "from appliance import cli\n"
        "try: cli.main()\n"
        "finally:\n"
        "    heavy = {'httpx', 'rich', 'pydantic', 'flask', 'yaml', 'pluggy'} & set(sys.modules)\n"
        "    print('loaded', sorted(heavy), file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert found.stderr == "loaded []\n"
