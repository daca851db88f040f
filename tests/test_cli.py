"""The program's own commands, on a real data directory."""

from __future__ import annotations

from click.testing import CliRunner, Result

from appliance import config, settings
from appliance.cli import program
from appliance.runtime.limits import CPU_OVERCOMMIT
from tests.lab import Lab


def run(lab: Lab, *words: str) -> Result:
    config.save(lab.appliance.config)
    return CliRunner().invoke(program, [*words, "--data", str(lab.appliance.config.data)])


def test_a_setting_is_changed_and_shown(lab: Lab) -> None:
    assert run(lab, "admin", "settings", "set", CPU_OVERCOMMIT.key, "2.5").exit_code == 0
    assert settings.get(lab.db, CPU_OVERCOMMIT) == 2.5
    assert f"{CPU_OVERCOMMIT.key} = 2.5" in run(lab, "admin", "settings", "list").output


def test_a_wrong_setting_says_what_is_right(lab: Lab) -> None:
    refused = run(lab, "admin", "settings", "set", CPU_OVERCOMMIT.key, "900")
    assert refused.exit_code == 1
    assert "between 0.1 and 64" in refused.output
    unknown = run(lab, "admin", "settings", "set", "no.such", "1")
    assert unknown.exit_code == 1
    assert "settings list" in unknown.output


def test_a_user_is_added_and_the_password_shown_once(lab: Lab) -> None:
    run(lab, "teams", "add", "lab")
    said = run(lab, "users", "add", "ann").output
    assert said.startswith("user: ann   password: ")
    assert "ann" in run(lab, "users", "list").output
    again = run(lab, "users", "add", "ann")
    assert (again.exit_code, "already" in again.output) == (1, True)


def test_an_unknown_team_names_those_there_are(lab: Lab) -> None:
    run(lab, "teams", "add", "lab")
    refused = run(lab, "users", "add", "ann", "--team", "nope")
    assert refused.exit_code == 1
    assert "lab" in refused.output
