"""What is generated from the code is what the code says now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api as mypy

ROOT = Path(__file__).parents[1]
RIGHT = """
from datetime import datetime
from appliance.client import Client

with Client() as client:
    project = client.projects.create(name="a")
    since: datetime = project.dt_created
    for notebook in client.notebooks.list(limit=5, state="Running"):
        state: str = notebook.state
    made = client.notebooks.create(project_id=project.id, machine_type="C1", environment={"A": "b"})
    lines: list[str] = list(client.notebooks.logs(made.id, follow=True))
    for member in client.teams.members.list("te1"):
        email: str = member.user.email
    anything = client.group("widgets").spin(speed=3)
"""
WRONG = {
    'client.projects.create(nmae="a")': "nmae",
    "client.projects.create()": "Missing named argument",
    "client.projcets": "projcets",
    "client.projects.details(3)": "incompatible type",
    'client.projects.create(name="a").nmae': "nmae",
    'client.projects.list(order="up")': "incompatible type",
    'client.notebooks.details("n").dt_started.year': "None",
}


def test_nothing_is_stale() -> None:
    command = [sys.executable, "scripts/gen_docs.py", "--check"]
    found = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 0, f"{found.stdout}{found.stderr}run scripts/gen_docs.py"


def test_types_of_the_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    program = tmp_path / "program.py"
    lines = RIGHT.splitlines()
    wrong = [f"    {call}" for call in WRONG]
    program.write_text("\n".join([*lines, *wrong, ""]))
    said, trouble, _ = mypy.run(["--config-file", "setup.cfg", str(program)])
    assert not trouble
    for number, (call, text) in enumerate(WRONG.items(), len(lines) + 1):
        assert any(f":{number}: error" in line and text in line for line in said.splitlines()), (
            call,
            said,
        )
    assert said.count(": error") == len(WRONG), said
