"""SQLite as the one interface between our processes.

Every writer goes through `write`: sqlite-utils' own `atomic()` begins deferred, and two processes that read first and
write later then fail with "database is locked" however long they are willing to wait.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database, Migrations

from appliance.clock import Clock, SystemClock

BUSY_TIMEOUT_S = 10.0
Params = Sequence[Any] | Mapping[str, Any]


class Db(Database):
    """A connection with the clock that stamps its rows and the file that wakes the other processes."""

    clock: Clock
    wake: Path | None


def open_db(path: Path, wake: Path | None = None, clock: Clock | None = None) -> Db:
    """Open (or create) the database for one thread. Cheap: about 0.3 ms."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode=WAL")
    # FULL: leases, versions and audit must survive a power cut; 0.27 ms a commit.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    db = Db(connection)
    db.clock = clock or SystemClock()
    db.wake = wake
    return db


@contextmanager
def write(db: Db) -> Iterator[Db]:
    """One transaction that takes the write lock at once; wakes the other processes after the commit.

    Keep it short: no network, container or sleep inside. Nesting is a mistake and raises.
    """
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.conn.execute("COMMIT")  # it can fail too: a full disk, a reference checked at the end
    except BaseException:
        db.conn.rollback()
        raise
    if db.wake is not None:
        touch(db.wake)


def touch(wake: Path) -> None:
    """Change the wake file's time, of no other file. That nobody can be woken is no error: they look each second."""
    try:
        os.utime(wake, follow_symlinks=False)
    except OSError:
        return


def rows(db: Db, sql: str, params: Params = ()) -> list[dict[str, Any]]:
    """All rows of a query as dicts."""
    cursor = db.conn.execute(sql, params)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor]


def row(db: Db, sql: str, params: Params = ()) -> dict[str, Any] | None:
    """The first row of a query, or None."""
    found = rows(db, sql, params)
    return found[0] if found else None


def execute(db: Db, sql: str, params: Params = ()) -> int:
    """Run a statement inside `write`; the number of rows it changed."""
    return db.conn.execute(sql, params).rowcount


def script(db: Database, statements: str) -> None:
    """Run several statements separated by `;`, for migrations (executescript would commit first)."""
    for statement in statements.split(";"):
        if statement.strip():
            db.conn.execute(statement)


def migrate(db: Db, sets: Iterable[Migrations]) -> None:
    """Apply what is pending, set by set in the given order."""
    for migrations in sets:
        migrations.apply(db)


class LocalDb:
    """One connection per thread, opened at first use."""

    def __init__(self, path: Path, wake: Path | None, clock: Clock) -> None:
        self._open = lambda: open_db(path, wake, clock)
        self._local = threading.local()

    def get(self) -> Db:
        """This thread's connection."""
        db: Db | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._open()
        return db
