"""Pages of runs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, request

from appliance.errors import ApplianceError
from appliance.web import forms
from appliance.web.errors import status_of
from appliance.web.pages import command_line, context, done, page
from plugins_builtin.notebook_runs import service
from plugins_builtin.notebook_runs.specs import RunBody
from plugins_builtin.notebooks import service as notebooks

LOG_BYTES = 65536


def blueprint() -> Blueprint:
    pages = Blueprint("notebook_runs", __name__, template_folder="templates")
    base = "/notebooks/<notebook_id>/runs"
    pages.add_url_rule(base, "index", index)
    pages.add_url_rule(base, "create", create, methods=["POST"])
    pages.add_url_rule(f"{base}/<int:number>", "detail", detail)
    pages.add_url_rule(f"{base}/<int:number>/stop", "stop", stop, methods=["POST"])
    return pages


def _crumbs(notebook_id: str, name: str, last: str) -> list[tuple[str, str | None]]:
    return [
        (name, f"/notebooks/{notebook_id}"),
        ("Runs", f"/notebooks/{notebook_id}/runs"),
        (last, None),
    ]


def index(notebook_id: str) -> str:
    """All runs of a notebook, and the form for another; `path` fills it in."""
    return _index(notebook_id, request.args.get("path", ""), {})


def _index(notebook_id: str, path: str, errors: dict[str, str]) -> str:
    ctx = context()
    found = service.listed(ctx, notebook_id)
    name = notebooks.get(ctx, notebook_id).notebook.name
    return page(
        "notebook_runs/list.html",
        "Runs",
        crumbs=_crumbs(notebook_id, name, "All")[:2],
        notebook_id=notebook_id,
        runs=[_row(item) for item in found],
        path=path,
        errors=errors,
        cli=f"{command_line(ctx, 'notebooks run')} {notebook_id}",
    )


def _row(found: service.Shown) -> dict[str, Any]:
    run, workload = found.run, found.workload
    return {
        "number": run.number,
        "path": run.path,
        "result": run.result,
        "result_url": f"/notebooks/{run.notebook_id}/view/{quote(run.result)}",
        "state": workload.state,
        "message": workload.message or workload.step,
        "live": workload.live,
        "created_ms": run.created_ms,
        "started_ms": workload.started_ms,
        "ended_ms": workload.ended_ms,
    }


def create(notebook_id: str) -> Any:
    """Run a file and show it."""
    path = request.form.get("path", "")
    notebooks.files_of(context(), notebook_id)
    body, _ = forms.parse(RunBody, {"path": path})
    if body is None:
        return (
            _index(notebook_id, path, {"path": "The path of an .ipynb file of this notebook."}),
            400,
        )
    try:
        found = service.start(context(), notebook_id, body.path)
    except ApplianceError as error:
        return _index(notebook_id, path, {"path": str(error)}), status_of(error)
    return done(f"/notebooks/{notebook_id}/runs/{found.run.number}")


def detail(notebook_id: str, number: int) -> str:
    """One run: its state, its result and the end of its log."""
    ctx = context()
    found = service.get(ctx, notebook_id, number)
    name = notebooks.get(ctx, notebook_id).notebook.name
    text = service.log_end(ctx, found, LOG_BYTES)
    return page(
        "notebook_runs/detail.html",
        f"Run {number}",
        crumbs=_crumbs(notebook_id, name, str(number)),
        notebook_id=notebook_id,
        run=_row(found),
        log_text=text.decode(errors="replace"),
    )


def stop(notebook_id: str, number: int) -> Any:
    """Stop it and show it."""
    service.stop(context(), notebook_id, number)
    return done(f"/notebooks/{notebook_id}/runs/{number}")
