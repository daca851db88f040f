"""One appliance for all journeys that do not break it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser

from tests.journeys.browser import chromium
from tests.journeys.client import Person
from tests.journeys.instance import PASSWORD, Instance

HOME = Path("/var/lib/appliance-test")


def fresh_instance(*options: str) -> Instance:
    """An instance that is not started yet; its data directory is short, because sockets lie below it."""
    HOME.mkdir(mode=0o755, exist_ok=True)
    return Instance(HOME / uuid4().hex[:8], options=options)


@pytest.fixture(scope="session")
def appliance() -> Iterator[Instance]:
    """Started once; its users and projects pile up, so every test makes its own."""
    if shutil.which("podman") is None:
        pytest.fail("podman is missing: run the tests by scripts/test")
    instance = fresh_instance()
    instance.start()
    yield instance
    instance.destroy()


SignIn = Callable[[str, str], Person]


@pytest.fixture()
def sign_in(appliance: Instance) -> Iterator[SignIn]:
    """sign_in(user, password) -> Person; closed after the test."""
    people: list[Person] = []

    def sign_in_as(user: str, password: str) -> Person:
        people.append(Person(appliance.url, user, password))
        return people[-1]

    yield sign_in_as
    for person in people:
        person.close()


@pytest.fixture()
def admin(sign_in: SignIn) -> Person:
    """The first admin."""
    return sign_in("admin", PASSWORD)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; not for the session, since Playwright runs once at a time and other tests start their own."""
    with chromium() as started:
        yield started
