"""Passwords and secrets reach the program without standing on its command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.client import Client
from appliance.plugins import RefScope
from plugins_builtin.secrets import service as secrets
from tests.client.served import Run, anybody
from tests.lab import Lab
from tests.person import PASSWORD

CREATE = ("secrets", "create", "team", "lab", "--name", "A")


@pytest.fixture
def arrived(lab: Lab) -> Callable[[], str]:
    """The value of the secret `A` of the team."""
    return lambda: secrets.resolve(lab.acting("ann"), "A", RefScope(lab.team("lab").id))


def test_a_line_of_standard_input(run: Run, arrived: Callable[[], str]) -> None:
    run(*CREATE, "--value", "-", text="@a value\nanother line\n")
    assert arrived() == "@a value"
    assert "no line" in run(*CREATE, "--value", "-", status=2).stderr


@pytest.mark.parametrize(
    ("content", "value"),
    [("of one line\r\n", "of one line"), ("bare", "bare"), ("two\nlines\n", "two\nlines\n")],
)
def test_a_file(
    run: Run, arrived: Callable[[], str], tmp_path: Path, content: str, value: str
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content.encode())
    run(*CREATE, f"--value=@{file}")
    assert arrived() == value
    assert "can't be read" in run(*CREATE, f"--value=@{file}s", status=2).stderr


def test_nobody_is_asked_where_nobody_types(run: Run) -> None:
    assert "'--value'" in run(*CREATE, status=2).stderr


def test_at_a_terminal_it_is_asked_for_without_echo(
    run: Run, client: Client, arrived: Callable[[], str]
) -> None:
    keyboard, terminal = os.openpty()
    command = [sys.executable, "-m", "appliance.cli", *CREATE]
    # a session of its own: the question must not go to the terminal that the tests may have
    with subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as program:  # fmt: skip
        assert program.stderr is not None
        asked = b""
        while b"Value" not in asked and (byte := program.stderr.read(1)):
            asked += byte
        os.write(keyboard, b"typed-value\n")
        said, trouble = program.communicate(timeout=60)
    assert program.returncode == 0, trouble
    assert arrived() == "typed-value" and b"typed-value" not in said + trouble
    os.write(terminal, b"end")
    assert b"typed-value" not in os.read(keyboard, 1000)
    os.close(keyboard)
    os.close(terminal)


def test_help_says_how(run: Run) -> None:
    for words in (
        CREATE[:3],
        ("login",),
        ("notebooks", "create"),
        ("container-registries", "update"),
    ):
        assert "@FILE" in run(*words, "--help").stdout, words


def test_signing_in(lab: Lab, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.person("ann")
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    anybody("login", url, "--user", "ann", "--password", "-", text=f"{PASSWORD}\n")
    key = anybody("login", url, "--user", "ann", f"--password=@{file}", "--print-key").stdout
    anybody("login", url, "--key", "-", text=key)
    assert "ann" in anybody("whoami").stdout
    monkeypatch.setenv("APPLIANCE_PASSWORD", PASSWORD)
    anybody("login", url, "--user", "ann")
