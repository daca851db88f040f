"""A lab behind a real port, and the program as people run it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from appliance.cli import program
from tests.lab import Lab

Run = Callable[..., Result]


@contextmanager
def served(lab: Lab) -> Iterator[str]:
    """The lab's web application on a free port of this machine; gives its URL."""
    server = make_server("127.0.0.1", 0, lab.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def anybody(*words: str, status: int = 0, text: str = "") -> Result:
    """The program with these words; as whoever is signed in."""
    found = CliRunner().invoke(program, words, input=text)
    assert found.exit_code == status, (found.exit_code, found.output, found.exception)
    return found
