"""Somebody takes all they can get from inside a container: everybody else goes on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tests.journeys import host
from tests.journeys.client import Person
from tests.journeys.instance import PASSWORD, Instance
from tests.journeys.puppet import Puppet, end, start_puppet

pytestmark = pytest.mark.containers

# Each goes on for ever, beside what else is asked of the appliance.
HOGS = {
    "forks": """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
    "files": """
import os
os.mkdir("f")
for number in range(10**6):
    open(f"f/{number}", "w").close()
""",
    "addresses": """
import socket
while True:
    for number in range(1, 65536):
        with socket.socket() as one:
            one.setblocking(False)
            one.connect_ex((f"10.{number >> 8}.{number & 255}.1", 22))
""",
}


@pytest.fixture(scope="module")
def owner(appliance: Instance) -> Iterator[Person]:
    owner = Person(appliance.url, "admin", PASSWORD)
    yield owner
    owner.close()


@pytest.fixture()
def hog(owner: Person) -> Iterator[Puppet]:
    made = start_puppet(owner, owner.project("hogs"))
    yield made
    end(owner, made.notebook)


@pytest.mark.parametrize("what", HOGS)
def test_everybody_else_goes_on(what: str, appliance: Instance, owner: Person, hog: Puppet) -> None:
    program = shlex.join(["python3", "-c", HOGS[what]])
    hog.run(f"cd /notebooks; for i in 1 2 3 4; do {program} </dev/null >/dev/null 2>&1 & done")
    for _ in range(10):  # signing in, reading and writing; each within the client's own limit
        person = Person(appliance.url, "admin", PASSWORD)
        person.project("beside")
        person.close()
    owner.api("POST", f"/notebooks/{hog.notebook}/stop")
    ended = owner.wait(hog.notebook, "stopped")
    assert ended["message"] == "stopped by admin"
    host.until(lambda: ended["id"] not in host.containers(appliance.config))
