"""Runs at the API."""

from __future__ import annotations

from appliance.context import Context
from appliance.plugins import ApiResource, Verb
from appliance.schema import LogPart, LogQuery
from plugins_builtin.notebook_runs import service
from plugins_builtin.notebook_runs.service import Shown
from plugins_builtin.notebook_runs.specs import RunBody, RunReply

LOG_BYTES = 1 << 18


def shown(found: Shown) -> RunReply:
    run, workload = found.run, found.workload
    return RunReply(
        number=run.number,
        path=run.path,
        result=run.result,
        state=workload.state,
        message=workload.message,
        exit_code=workload.exit_code,
        machine_type=workload.spec.instance_type,
        dt_created=run.created_ms,
        dt_started=workload.started_ms,
        dt_finished=workload.ended_ms,
    )


def _run(ctx: Context, notebook_id: str, body: RunBody) -> RunReply:
    return shown(service.start(ctx, notebook_id, body.path, body.machine_type))


def _list(ctx: Context, notebook_id: str) -> list[RunReply]:
    return [shown(found) for found in service.listed(ctx, notebook_id)]


def _get(ctx: Context, notebook_id: str, run_number: str) -> RunReply:
    return shown(service.get(ctx, notebook_id, service.number_of(run_number)))


def _stop(ctx: Context, notebook_id: str, run_number: str) -> RunReply:
    return shown(service.stop(ctx, notebook_id, service.number_of(run_number)))


def _logs(ctx: Context, notebook_id: str, run_number: str, query: LogQuery) -> LogPart:
    found = service.get(ctx, notebook_id, service.number_of(run_number), "logs")
    text, following, ended = service.log_part(ctx, found, query.offset, LOG_BYTES)
    return LogPart(text=text.decode(errors="replace"), next=following, ended=ended)


ENDED = ("succeeded", "failed", "error", "canceled", "stopped", "preempted")
RUNS = "/notebooks/{notebook_id}/runs"

NOTEBOOK_RUNS = ApiResource(
    "notebook_runs",
    id_prefix="j",
    spec=RunReply,
    title="Runs of notebooks",
    words="notebooks runs",
    columns=("number", "path", "result", "state", "exitCode", "dtCreated"),
    verbs=(
        Verb(
            "run", "POST", RUNS, _run, body=RunBody, words="notebooks run", until=ENDED,
            summary="Run a file from top to bottom as a job",
        ),
        Verb("list", "GET", RUNS, _list, summary="The runs of a notebook, newest first"),
        Verb("get", "GET", f"{RUNS}/{{run_number}}", _get, until=ENDED, summary="One run"),
        Verb("stop", "POST", f"{RUNS}/{{run_number}}/stop", _stop, until=ENDED, summary="Stop it"),
        Verb("logs", "GET", f"{RUNS}/{{run_number}}/logs", _logs, query=LogQuery, summary="The log of a run"),
    ),
)  # fmt: skip
