"""A notebook's file run as a job: rows, files, deletion; and the program itself on a real kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.runtime import workloads
from plugins_builtin.notebook_runs import service, store
from tests.lab import Lab
from tests.person import Person, Thing


def run(ann: Person, notebook: Thing, path: str = "a.ipynb", status: int = 200) -> Any:
    answer = ann.call("POST", f"/v1/notebooks/{notebook.id}/runs", {"path": path})
    assert answer.status_code == status, answer.text
    return answer.json


@pytest.fixture
def notebook(lab: Lab, ann: Person) -> Thing:
    made = ann.notebook()
    lab.settle()
    return made


def test_a_run_has_the_notebooks_files_and_leaves_the_notebook_alone(
    lab: Lab, ann: Person, notebook: Thing
) -> None:
    made = run(ann, notebook, "data/a.ipynb")
    assert (made["number"], made["result"]) == (1, "data/a.run-1.ipynb")
    lab.settle()
    assert ann.get(f"notebooks/{notebook.id}/runs/1").state == "running"
    assert ann.get(notebook).state == "Running"
    (shown,) = service.listed(lab.acting("ann"), notebook.id)
    spec = shown.workload.spec
    assert (spec.kind, spec.route, spec.command[-2:]) == (
        "job",
        None,
        ("data/a.ipynb", "data/a.run-1.ipynb"),
    )
    assert [(mount.area, mount.name) for mount in spec.mounts if mount.target == "/notebooks"] == [
        ("notebooks", notebook.id)
    ]
    assert run(ann, notebook)["number"] == 2


@pytest.mark.parametrize("path", ["", "/etc/a.ipynb", "a.py", "a\n.ipynb"])
def test_what_is_no_notebook_is_refused(ann: Person, notebook: Thing, path: str) -> None:
    run(ann, notebook, path, 400)


def test_a_page_asks_for_the_path_again(ann: Person, notebook: Thing) -> None:
    for path, status, shown in (("no.txt", 400, 'value="no.txt"'), ("a.ipynb", 303, "runs/1")):
        data = {"csrf_token": ann.csrf, "path": path}
        answer = ann.http.post(f"/notebooks/{notebook.id}/runs", data=data)
        assert answer.status_code == status and shown in answer.text
    assert "a.run-1.ipynb" in ann.page(f"/notebooks/{notebook.id}/runs/1")


def test_runs_go_with_their_notebook(lab: Lab, ann: Person, notebook: Thing) -> None:
    run(ann, notebook)
    lab.settle()
    (found,) = store.of_notebook(lab.db, notebook.id)
    ann.act(notebook, "stop")
    lab.settle()
    ann.api("DELETE", notebook.path)
    lab.settle()
    for _ in range(3):
        lab.clock.advance(60)
        lab.settle()
    assert not workloads.latest(lab.db, [found.id])[found.id].live
    assert store.of_notebook(lab.db, notebook.id) == []


def _execute(
    folder: Path, *sources: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": source, "outputs": [], "execution_count": 9, "metadata": {}}
        for n, source in enumerate(sources)
    ]  # fmt: skip
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (folder / "a.ipynb").write_text(json.dumps(notebook))
    command = [sys.executable, "-c", service.PROGRAM.read_text(), "a.ipynb", "a.run-1.ipynb"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return done, json.loads((folder / "a.run-1.ipynb").read_text())


@pytest.mark.slow
def test_the_result_holds_what_was_printed_up_to_the_failure(tmp_path: Path) -> None:
    done, result = _execute(tmp_path, "print('one')", "1 / 0", "print('three')")
    assert done.returncode == 1 and "one" in done.stdout and "ZeroDivisionError" in done.stderr
    first, second, third = (cell["outputs"] for cell in result["cells"])
    assert (
        first[0]["text"] == ["one\n"] and second[0]["ename"] == "ZeroDivisionError" and third == []
    )
    assert [cell["execution_count"] for cell in result["cells"]] == [1, 2, None]
