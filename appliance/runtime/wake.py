"""Waiting for news: whoever commits touches the wake file, inotify tells the others at once."""

from __future__ import annotations

import threading
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer


class Waker(FileSystemEventHandler):
    """Sets an event whenever the wake file changes."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._event.set()


def watch(wake: Path, event: threading.Event) -> None:
    """From now on `event` is set after every commit of any process. Runs in a daemon thread."""
    observer = Observer()
    observer.daemon = True
    observer.schedule(Waker(event), str(wake.parent), recursive=False)
    observer.start()
