"""Small jobs that web asks of the supervisor: work on users' files, which web itself must never touch.

The database is the only interface between the processes, so a request is a row and so is its answer.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script, write
from appliance.errors import Invalid, NotFound, Refused, Unavailable
from appliance.ids import new_id

POLL_S = 0.01
KEEP_MS = 10 * 60 * 1000

migrations = Migrations("tasks")


@migrations()
def m001_tasks(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE tasks (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, args TEXT NOT NULL, result TEXT, error TEXT,
            created_ms INTEGER NOT NULL, done_ms INTEGER);
        CREATE INDEX tasks_open ON tasks (created_ms) WHERE done_ms IS NULL;
        """,
    )


@dataclass(frozen=True)
class Task:
    id: str
    kind: str
    args: dict[str, Any]


def add(db: Db, kind: str, **args: Any) -> str:
    """Ask for something, without waiting. Inside `write`; done at least once, so it must be repeatable."""
    task_id = new_id("x")
    execute(
        db,
        "INSERT INTO tasks (id, kind, args, created_ms) VALUES (?, ?, ?, ?)",
        (task_id, kind, json.dumps(args), db.clock.now_ms()),
    )
    return task_id


def ask(db: Db, kind: str, timeout_s: float = 10.0, **args: Any) -> dict[str, Any]:
    """Ask and wait for the answer; Unavailable after timeout_s, NotFound or Invalid as the supervisor says."""
    with write(db):
        task_id = add(db, kind, **args)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = row(db, "SELECT result, error, done_ms FROM tasks WHERE id = ?", (task_id,))
        if found and found["done_ms"] is not None:
            return _answer(found)
        time.sleep(POLL_S)
    raise Unavailable(
        "the supervisor does not answer", hint="try again; an admin can look at `appliance doctor`"
    )


def _answer(found: dict[str, Any]) -> dict[str, Any]:
    if not found["error"]:
        answer: dict[str, Any] = json.loads(found["result"])
        return answer
    kind, _, message = found["error"].partition(": ")
    raise {"NotFound": NotFound, "Invalid": Invalid, "Refused": Refused}.get(kind, Unavailable)(
        message
    )


def waiting(db: Db) -> list[Task]:
    """Requests nobody has answered yet, oldest first."""
    found = rows(db, "SELECT * FROM tasks WHERE done_ms IS NULL ORDER BY created_ms LIMIT 500")
    return [Task(item["id"], item["kind"], json.loads(item["args"])) for item in found]


def finish(db: Db, task_id: str, result: dict[str, Any] | None, error: str = "") -> None:
    """Answer a request. error: `<NotFound|Invalid|Refused|Unavailable>: <sentence>`."""
    execute(
        db,
        "UPDATE tasks SET result = ?, error = ?, done_ms = ? WHERE id = ?",
        (json.dumps(result), error, db.clock.now_ms(), task_id),
    )


def prune(db: Db) -> None:
    """Forget answers older than ten minutes."""
    execute(db, "DELETE FROM tasks WHERE done_ms < ?", (db.clock.now_ms() - KEEP_MS,))
