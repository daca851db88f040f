"""Use cases of runs: a notebook's file as a job, in the notebook's image, with its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from appliance.access import require
from appliance.context import Context
from appliance.db import write
from appliance.errors import Conflict
from appliance.ids import new_id
from appliance.runtime import logs, tasks, workloads
from appliance.runtime.workloads import Workload
from plugins_builtin.notebook_runs import store
from plugins_builtin.notebook_runs.specs import Run
from plugins_builtin.notebooks import service as notebooks

PROGRAM = Path(__file__).with_name("program.py")
SHOWN = 100


@dataclass(frozen=True)
class Shown:
    """A run with its workload."""

    run: Run
    workload: Workload


def start(ctx: Context, notebook_id: str, path: str, instance_type: str = "") -> Shown:
    """Run a file now, whether the notebook runs or not; row and workload stand or fall together."""
    notebook, team_id = _allowed(ctx, "run", notebook_id)
    with write(ctx.db) as db:
        _allowed(ctx, "run", notebook_id)  # again: it may have been deleted meanwhile
        run = store.insert(db, new_id("j"), notebook_id, path, ctx.principal.user_id)
        # the text itself goes along, so that it runs in every image that has nbclient
        command = ("python3", "-c", PROGRAM.read_text(), path, run.result)
        notebooks.submit_job(ctx, db, notebook, team_id, run.id, command, instance_type)
    return _shown(ctx, [run])[0]


def listed(ctx: Context, notebook_id: str) -> list[Shown]:
    """The last runs of a notebook, newest first."""
    _allowed(ctx, "list", notebook_id)
    return _shown(ctx, store.of_notebook(ctx.db, notebook_id, SHOWN))


def get(ctx: Context, notebook_id: str, number: int, doing: str = "get") -> Shown:
    """One run, for what the principal is doing: a verb of the API."""
    _allowed(ctx, doing, notebook_id)
    return _shown(ctx, [store.get(ctx.db, notebook_id, number)])[0]


def stop(ctx: Context, notebook_id: str, number: int) -> Shown:
    """Ask for its end; what is in the result stays. Repeatable."""
    found = get(ctx, notebook_id, number, "stop")
    with write(ctx.db) as db:
        workloads.request_stop(db, found.workload.id, f"stopped by {ctx.principal.user_name}")
    return get(ctx, notebook_id, number)


def log_part(ctx: Context, found: Shown, offset: int, limit_bytes: int) -> tuple[bytes, int, bool]:
    """Bytes of its log, the next offset, and whether nothing will follow."""
    directory = ctx.config.paths.logs / found.workload.id
    # looked at before reading: what it says holds after
    ended = not found.workload.live and not logs.growing(directory)
    text, following = logs.tail(directory, offset, limit_bytes)
    return text, following, ended and not text


def log_end(ctx: Context, found: Shown, limit_bytes: int) -> bytes:
    """The last bytes of its log."""
    directory = ctx.config.paths.logs / found.workload.id
    return logs.tail(directory, max(0, logs.size(directory) - limit_bytes), limit_bytes)[0]


def forget(ctx: Context, notebook_id: str) -> None:
    """Of a notebook that was deleted. Repeatable; Conflict, to be told again, until the last run has ended."""
    with write(ctx.db) as db:
        for run in store.of_notebook(db, notebook_id):
            for workload in workloads.history(db, run.id, limit=-1):
                if workload.live:
                    workloads.request_stop(db, workload.id, "its notebook was deleted")
                tasks.add(db, "logs.remove", workload_id=workload.id)
        if not _live(ctx, notebook_id):
            store.forget(db, notebook_id)
    if _live(ctx, notebook_id):
        raise Conflict("a run of it has not ended yet")


def _live(ctx: Context, notebook_id: str) -> bool:
    return any(shown.workload.live for shown in _shown(ctx, store.of_notebook(ctx.db, notebook_id)))


def _allowed(ctx: Context, verb: str, notebook_id: str) -> tuple[notebooks.Notebook, str]:
    """The notebook and its team, when its files may be read and its runs dealt with like this."""
    notebook, team_id = notebooks.files_of(ctx, notebook_id)
    require(ctx, f"notebook_runs.{verb}", project_id=notebook.project_id)
    return notebook, team_id


def _shown(ctx: Context, runs: list[Run]) -> list[Shown]:
    found = workloads.latest(ctx.db, [run.id for run in runs])
    return [Shown(run, found[run.id]) for run in runs]


def number_of(text: str) -> int:
    """A run's number as a URL has it; 0, which no run has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
