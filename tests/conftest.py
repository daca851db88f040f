"""The lab and a researcher in it, for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from appliance.runtime.fake import FakeBackend
from tests.lab import Lab, Person, opened

MakeLab = Callable[[type[FakeBackend]], Lab]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An appliance in memory with an engine that works."""
    with opened() as made:
        yield made


@pytest.fixture
def lab_with() -> Iterator[MakeLab]:
    """lab_with(SlowToPull): an appliance whose engine fails in that way."""
    open_now = []

    def make(backend: type[FakeBackend]) -> Lab:
        open_now.append(opened(backend))
        return open_now[-1].__enter__()

    yield make
    for manager in open_now:
        manager.__exit__(None, None, None)


@pytest.fixture
def ann(lab: Lab) -> Person:
    """A member of the team `lab`, signed in."""
    return lab.person("ann")
