"""The supervisor's part of work on files, beside a test of pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from appliance.runtime.filework import FileWork
from tests.lab import Lab


@contextmanager
def files_served(lab: Lab) -> Iterator[None]:
    """The supervisor's part of work on files, in a thread of its own."""
    done = threading.Event()
    work = FileWork(lab.appliance, lab.places)

    def serve() -> None:
        while not done.wait(0.01):
            work.turn()
        lab.appliance.local.get().conn.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        work.close()
