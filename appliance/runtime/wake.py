"""Waiting for news: whoever commits touches the wake file, inotify tells the others at once."""

from __future__ import annotations

import threading
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer


class Waker(FileSystemEventHandler):
    """Sets events whenever the wake file changes."""

    def __init__(self, events: tuple[threading.Event, ...]) -> None:
        self._events = events

    def on_any_event(self, event: FileSystemEvent) -> None:
        for waiting in self._events:
            waiting.set()


def watch(wake: Path, *events: threading.Event) -> None:
    """From now on the events are set after every commit of any process. Runs in a daemon thread."""
    observer = Observer()
    observer.daemon = True
    observer.schedule(Waker(events), str(wake.parent), recursive=False)
    observer.start()
