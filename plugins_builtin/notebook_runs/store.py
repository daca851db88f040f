"""The table of runs."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound
from plugins_builtin.notebook_runs.specs import Run

migrations = Migrations("notebook_runs")
_COLUMNS = "id, notebook_id, number, path, created_by, created_ms"


@migrations()
def m001_notebook_runs(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE notebook_runs (
            id TEXT PRIMARY KEY, notebook_id TEXT NOT NULL, number INTEGER NOT NULL, path TEXT NOT NULL,
            created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, UNIQUE (notebook_id, number));
        """,
    )


def insert(db: Db, run_id: str, notebook_id: str, path: str, created_by: str) -> Run:
    """The next run of a notebook. Inside `write`."""
    execute(
        db,
        "INSERT INTO notebook_runs SELECT ?, ?, coalesce(max(number), 0) + 1, ?, ?, ? FROM notebook_runs"
        " WHERE notebook_id = ?",
        (run_id, notebook_id, path, created_by, db.clock.now_ms(), notebook_id),
    )
    found = row(db, f"SELECT {_COLUMNS} FROM notebook_runs WHERE id = ?", (run_id,))
    assert found is not None
    return Run(**found)


def get(db: Db, notebook_id: str, number: int) -> Run:
    found = row(
        db,
        f"SELECT {_COLUMNS} FROM notebook_runs WHERE notebook_id = ? AND number = ?",
        (notebook_id, number),
    )
    if found is None:
        raise NotFound("no such run", hint="see the list of the notebook's runs")
    return Run(**found)


def of_notebook(db: Db, notebook_id: str, limit: int = -1) -> list[Run]:
    """Newest first."""
    found = rows(
        db,
        f"SELECT {_COLUMNS} FROM notebook_runs WHERE notebook_id = ? ORDER BY number DESC LIMIT ?",
        (notebook_id, limit),
    )
    return [Run(**item) for item in found]


def forget(db: Db, notebook_id: str) -> None:
    execute(db, "DELETE FROM notebook_runs WHERE notebook_id = ?", (notebook_id,))
