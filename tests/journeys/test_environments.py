"""What is installed survives a restart, becomes an image, and an image of a Containerfile runs: with real containers."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.journeys.client import Person

pytestmark = pytest.mark.containers
BUILD_S = 300.0
PACKAGE = """
import pathlib, subprocess
folder = pathlib.Path("/tmp/mine"); folder.mkdir()
(folder / "setup.py").write_text("from setuptools import setup; setup(name='mine', version='1.5', py_modules=['mine'])")
(folder / "mine.py").write_text("WORD = 'installed'")
done = subprocess.run(["pip", "install", "--no-build-isolation", "--no-index", str(folder)], capture_output=True, text=True)
print(done.returncode, done.stderr[-500:])
"""
LOOK = "import mine, sys; print(mine.WORD, mine.__file__, sys.prefix)"


def built(person: Person, image: str) -> dict[str, Any]:
    """Once nothing builds it any more."""
    deadline = time.monotonic() + BUILD_S
    while time.monotonic() < deadline:
        found: dict[str, Any] = person.api("GET", f"/images/{image}")
        if found["state"] not in ("queued", "building"):
            return found
        time.sleep(0.2)
    raise AssertionError(f"still {found}")


def stop(person: Person, notebook: str) -> None:
    person.api("POST", f"/notebooks/{notebook}/stop")
    person.wait(notebook, "stopped")


def test_installed_once_there_again_and_saved(admin: Person) -> None:
    project = admin.project("environments")
    first = admin.notebook(project)
    admin.wait(first, "running")
    door = admin.enter(first)
    assert door.run(PACKAGE).startswith("0 ")
    assert door.run(LOOK).startswith("installed /opt/env/python3.")
    assert "/opt/lab" in door.run("import jupyterlab; print(jupyterlab.__file__)")
    door.run(
        "import subprocess; subprocess.run(['sh', '-c', 'echo kept > /etc/by-hand'], check=True)"
    )
    stop(admin, first)

    admin.api("POST", f"/notebooks/{first}/start")
    admin.wait(first, "running")
    door = admin.enter(first)
    assert door.run(LOOK).startswith("installed /opt/env/python3.")
    assert "No such file" in door.run("print(open('/etc/by-hand').read())")  # not what apt does
    door.run(
        "import subprocess; subprocess.run(['sh', '-c', 'echo kept > /etc/by-hand'], check=True)"
    )

    made = admin.api("POST", f"/notebooks/{first}/image", {"name": "mine"})
    image = built(admin, made["id"])
    assert (image["state"], image["message"]) == ("ready", "+ pip mine 1.5")
    stop(admin, first)

    second = admin.notebook(project, container="mine")
    admin.wait(second, "running")
    door = admin.enter(second)
    assert door.run(LOOK).startswith("installed /opt/saved/python3.")
    assert door.run("print(open('/etc/by-hand').read())") == "kept\n\n"
    own = door.run("import os; print(os.stat('/etc/by-hand').st_uid, os.environ['BASE_URL'])")
    assert own == f"0 /n/{second}/\n"
    stop(admin, second)
    admin.api("DELETE", f"/notebooks/{second}")
    admin.api("DELETE", f"/images/{made['id']}")


def test_a_containerfile_of_a_team(admin: Person) -> None:
    base = next(i for i in admin.api("GET", "/images") if i["name"] == "base")
    assert base["state"] == "ready" and base["sizeBytes"] > 100_000_000
    text = "FROM base\nRUN echo inside > /word && cat /proc/self/status | grep CapEff\nRUN ls /notebooks /var/lib"
    made = admin.api("POST", "/images", {"name": "bad", "containerfile": text})
    image = built(admin, made["id"])
    assert image["state"] == "failed" and "/notebooks" in image["message"]
    assert "STEP 3/3" in admin.api("GET", f"/images/{made['id']}/logs")["text"]
    admin.api("DELETE", f"/images/{made['id']}")

    made = admin.api(
        "POST", "/images", {"name": "slow", "containerfile": "FROM base\nRUN sleep 571"}
    )
    deadline = time.monotonic() + BUILD_S
    while "step 2 of 2" not in (admin.api("GET", f"/images/{made['id']}")["step"] or ""):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    admin.api("POST", f"/images/{made['id']}/cancel")
    assert built(admin, made["id"])["state"] == "canceled"
    admin.api("DELETE", f"/images/{made['id']}")
