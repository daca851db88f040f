"""A secret on its way through a real appliance: the program has it, and nothing else that can be looked at."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import host
from tests.journeys.client import Person, soon
from tests.journeys.instance import Instance

pytestmark = pytest.mark.containers

CANARY = "canary-4f1c9b7e2d-wert"
LINES = f"{CANARY}\nsecond-line-é 'quoted'\n"
PRINTS = (
    'printf %s "$TOKEN" | sha256sum; echo "raw $TOKEN"; printf %s "$TOKEN" | base64;'
    ' printf %s "user:$TOKEN" | base64; echo "$LINES"; echo; env | sort;'
    " exec python3 -m http.server 8000"
)


def test_a_program_has_it_and_nothing_else_does(appliance: Instance, admin: Person) -> None:
    project = admin.project("secrets")
    for name, value in (("TOKEN", CANARY), ("lines", LINES)):
        admin.api("POST", f"/projects/{project}/secrets", {"name": name, "value": value})
    env = {"TOKEN": "secret:TOKEN", "LINES": "SECRET:lines", "PLAIN": "yes"}
    notebook = admin.notebook(project, environment=env, command=PRINTS)
    session = admin.wait(notebook, "starting", "failed", "error")
    assert session["state"] == "starting", session
    workload = session["id"]
    container = f"appliance-{appliance.config.instance}-{workload}"
    digest = hashlib.sha256(CANARY.encode()).hexdigest()
    assert soon(lambda: "PLAIN=yes" in log(admin, notebook), 60), log(admin, notebook)
    text = log(admin, notebook)
    assert digest in text and "raw ***" in text and CANARY not in text and "second-line" not in text
    assert CANARY not in host.run("podman", "inspect", container)
    everywhere_but_inside(appliance, container, workload)
    admin.api("POST", f"/notebooks/{notebook}/stop")
    admin.wait(notebook, "stopped")
    assert soon(lambda: not list(appliance.config.paths.env.iterdir()), 60)
    assert digest in log(admin, notebook) and CANARY not in log(admin, notebook)
    for path in (f"/notebooks/{notebook}", f"/projects/{project}/secrets"):
        assert CANARY not in admin.request("GET", path).text


def everywhere_but_inside(appliance: Instance, container: str, workload: str) -> None:
    """Files of the appliance and of the engine, the database, and what processes were started with."""
    storage = Path("/var/lib/containers/storage/overlay-containers")
    identity = host.container_id(appliance.config, workload)
    engine = [storage / identity, Path("/run/containers/storage/overlay-containers") / identity]
    given = appliance.config.paths.env / workload / "env"
    raw = appliance.config.paths.logs / workload / "raw.log"
    for root in (appliance.data, *engine):
        for file in files(root):
            if file not in (given, raw):
                assert CANARY.encode() not in file.read_bytes(), file
    assert CANARY in given.read_text() and given.stat().st_uid == 0
    assert CANARY.encode() in raw.read_bytes() and raw.stat().st_mode & 0o077 == 0
    for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*")):
        assert CANARY not in host.command_of(pid)
    for uid in (appliance.config.web_uid, appliance.config.proxy_uid, 65534):
        assert refused(uid, given)
    tables: Any = host.rows(appliance.config, "SELECT sql FROM sqlite_master")
    assert "vault" in str(tables)
    assert container in host.run("podman", "ps", "--format", "{{.Names}}")


def files(root: Path) -> list[Path]:
    """Regular files below, not across mounts that a container has."""
    found = []
    for directory, names, leaves in os.walk(root):
        names[:] = [name for name in names if name not in ("merged", "shm", "venv")]
        paths = (Path(directory) / leaf for leaf in leaves)
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return found


def refused(uid: int, path: Path) -> bool:
    """Whether a service's user can't read a file."""
    argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "cat", str(path)]
    return subprocess.run(argv, capture_output=True, timeout=30).returncode != 0


def test_a_name_that_is_not_there_says_what_to_do(admin: Person) -> None:
    notebook = admin.notebook(admin.project(), environment={"A": "secret:NOT_THERE"})
    session = admin.wait(notebook, "error")
    assert session["reason"] == "Refused" and "there is no secret 'NOT_THERE'" in session["message"]


def test_jupyterlab_runs_with_secrets_and_after_a_rotation(
    appliance: Instance, admin: Person
) -> None:
    project = admin.project("jupyter")
    admin.api("POST", f"/projects/{project}/secrets", {"name": "TOKEN", "value": CANARY})
    assert "sealed with a new key" in appliance.command("secrets", "rotate")
    notebook = admin.notebook(project, environment={"TOKEN": "secret:TOKEN"})
    assert admin.wait(notebook, "running", "failed", "error")["state"] == "running"
    code = "import hashlib, os; hashlib.sha256(os.environ['TOKEN'].encode()).hexdigest()"
    assert admin.enter(notebook).run(code).strip("'") == hashlib.sha256(CANARY.encode()).hexdigest()
    admin.api("POST", f"/notebooks/{notebook}/stop")
    admin.wait(notebook, "stopped")


def log(person: Person, notebook: str) -> str:
    """The log of the newest session, from its start."""
    return str(person.api("GET", f"/notebooks/{notebook}/logs")["text"])
