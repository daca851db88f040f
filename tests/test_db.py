"""The database between processes: nothing is lost, nothing is half done, everybody hears."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import db as database
from appliance.db import Db, LocalDb, execute, open_db, row, write

PROCESSES, ROUNDS = 4, 50
ADD_ONE = f"""
import sys
from pathlib import Path
from appliance.db import execute, open_db, row, write
db = open_db(Path(sys.argv[1]))
for _ in range({ROUNDS}):
    with write(db):
        n = row(db, "SELECT n FROM counter")["n"]
        execute(db, "UPDATE counter SET n = ?", (n + 1,))
"""


@pytest.fixture
def db(tmp_path: Path) -> Db:
    made = open_db(tmp_path / "a.db", tmp_path / "wake")
    execute(made, "CREATE TABLE counter (n INTEGER NOT NULL)")
    execute(made, "INSERT INTO counter VALUES (0)")
    return made


def count(db: Db) -> int:
    found = row(db, "SELECT n FROM counter")
    return -1 if found is None else int(found["n"])


def test_processes_that_read_and_write_lose_nothing(db: Db, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", ADD_ONE, str(tmp_path / "a.db")]
    running = [subprocess.Popen(argv, stderr=subprocess.PIPE) for _ in range(PROCESSES)]
    said = [process.communicate(timeout=120)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES, said
    assert count(db) == PROCESSES * ROUNDS


def test_an_error_takes_all_of_it_back(db: Db) -> None:
    with pytest.raises(KeyError):
        with write(db):
            execute(db, "UPDATE counter SET n = 5")
            raise KeyError
    assert count(db) == 0
    with write(db):
        execute(db, "UPDATE counter SET n = 6")
    assert count(db) == 6


def test_nesting_is_refused_and_the_outer_one_is_taken_back(db: Db) -> None:
    with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
        with write(db):
            execute(db, "UPDATE counter SET n = 5")
            with write(db):
                pass
    assert count(db) == 0


def test_a_commit_that_fails_leaves_a_connection_that_works(db: Db) -> None:
    execute(db, "CREATE TABLE child (id INTEGER REFERENCES parent(id))")
    execute(db, "CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    with pytest.raises(sqlite3.IntegrityError):
        with write(db):
            execute(db, "PRAGMA defer_foreign_keys = ON")
            execute(db, "INSERT INTO child VALUES (1)")
    with write(db):
        execute(db, "UPDATE counter SET n = 7")
    assert count(db) == 7


def test_references_are_checked(db: Db) -> None:
    execute(db, "CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    execute(db, "CREATE TABLE child (id INTEGER REFERENCES parent(id))")
    with pytest.raises(sqlite3.IntegrityError):
        execute(db, "INSERT INTO child VALUES (1)")


def test_a_commit_wakes_the_others_and_nothing_else_does(db: Db, tmp_path: Path) -> None:
    wake = tmp_path / "wake"
    wake.touch()
    os.utime(wake, (1, 1))
    with pytest.raises(KeyError):
        with write(db):
            raise KeyError
    assert wake.stat().st_mtime == 1
    with write(db):
        assert wake.stat().st_mtime == 1  # not before others can see it
    assert wake.stat().st_mtime > 1


def test_a_missing_wake_file_is_no_error(db: Db) -> None:
    with write(db):
        pass


def test_a_power_cut_costs_no_commit(db: Db) -> None:
    settings = [
        db.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]
    assert settings == ["wal", 2]  # 2 = FULL


def test_one_connection_for_each_thread(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    local = LocalDb(tmp_path / "a.db", None, database.SystemClock())
    mine = local.get()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(local.get).result()
        assert pool.submit(local.get).result() is other
    assert local.get() is mine is not other
