"""A disk that a notebook has filled: everybody gets in, the services start, and it is cleaned up from inside."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from appliance.runtime import room
from tests.journeys import host
from tests.journeys.client import Person
from tests.journeys.conftest import HOME
from tests.journeys.instance import PASSWORD, Instance

pytestmark = pytest.mark.containers

DISK_BYTES = 12 << 30
LEFT_BYTES = 400 << 20
FILL = """
import os
try:
    with open("/notebooks/big", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
except OSError as error:
    print(error.strerror)
"""


@pytest.fixture(scope="module")
def small() -> Iterator[Instance]:
    """An appliance with a disk of its own, of which little is left."""
    HOME.mkdir(mode=0o755, exist_ok=True)
    mounted = HOME / uuid4().hex[:8]
    image = mounted.with_suffix(".disk")
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    mounted.mkdir()
    host.run("mkfs.ext4", "-q", "-m", "0", str(image))
    host.run("mount", "-o", "loop", str(image), str(mounted))
    mounted.chmod(0o755)
    instance = Instance(mounted / "d")
    try:
        instance.start()
        host.until(lambda: instance.config.paths.ballast.exists())
        _take_all_but(mounted, LEFT_BYTES)
        yield instance
    finally:
        instance.destroy()
        subprocess.run(["umount", "--lazy", mounted], check=True, timeout=60)
        mounted.rmdir()
        image.unlink()


def _take_all_but(disk: Path, left_bytes: int) -> None:
    found = os.statvfs(disk)
    with (disk / "others").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - left_bytes)


def test_a_notebook_fills_the_disk(small: Instance) -> None:
    owner = Person(small.url, "admin", PASSWORD)
    notebook = owner.notebook(owner.project("full"))
    owner.wait(notebook, "running")
    assert "No space left on device" in owner.enter(notebook).run(FILL)
    assert room.space(small.config.paths).full

    again = Person(small.url, "admin", PASSWORD)  # somebody else comes, and signs in
    assert "% full" in again.http.get("/").text
    again.api("POST", f"/notebooks/{notebook}/stop")
    again.wait(notebook, "stopped")

    small.interrupt()  # and the services start, too
    small.start()
    again.close()
    again = Person(small.url, "admin", PASSWORD)
    again.api("POST", f"/notebooks/{notebook}/start", {"machineType": "C1"})
    found = again.wait(notebook, "running", "error", "failed")
    assert found["state"] == "running" and "clean-up mode" in found["message"], found
    door = again.enter(notebook)
    assert door.run("import os; os.remove('/notebooks/big'); 6 * 7") == "42"
    assert not room.space(small.config.paths).full

    again.api("POST", f"/notebooks/{notebook}/stop")
    again.wait(notebook, "stopped")
    again.api("POST", f"/notebooks/{notebook}/start", {"machineType": "C1"})
    assert not again.wait(notebook, "running")["message"]
    again.api("POST", f"/notebooks/{notebook}/stop")
    again.wait(notebook, "stopped")
    again.api("DELETE", f"/notebooks/{notebook}")
    for person in (owner, again):
        person.close()
