"""A lab behind a real port, and the program as people run it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.serving import make_server

from tests.lab import Lab


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
