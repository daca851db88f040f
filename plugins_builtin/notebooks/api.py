"""Notebooks at the API."""

from __future__ import annotations

from urllib.parse import urlsplit

from appliance import gate, identity
from appliance.context import Context
from appliance.plugins import ApiResource, Verb
from appliance.runtime import logs
from appliance.runtime.states import API_NOTEBOOK_STATES
from appliance.schema import Page, Query, UserSummary
from plugins_builtin.notebooks import service
from plugins_builtin.notebooks.service import Shown
from plugins_builtin.notebooks.specs import (
    NotebookBody,
    NotebookQuery,
    NotebookReply,
    NotebookSpec,
    StartBody,
)

LOG_BYTES = 1 << 18


class LogQuery(Query):
    """Which part of the newest session's log. offset: of bytes, as `next` of the part before said."""

    offset: int = 0


def shown(ctx: Context, found: Shown) -> NotebookReply:
    notebook, session = found.notebook, found.session
    user = identity.user_by_id(ctx.db, session.user_id if session else notebook.created_by)
    origin = gate.users_origin(
        ctx, gate.Service(service.KIND, notebook.id), urlsplit(ctx.config.base_url).netloc
    )
    return NotebookReply(
        id=notebook.id,
        name=notebook.name,
        project_id=notebook.project_id,
        state=API_NOTEBOOK_STATES[found.state],
        machine_type=session.spec.instance_type if session else notebook.instance_type,
        fqdn=urlsplit(origin).netloc if found.state == "running" else None,
        started_by_user=UserSummary(id=user.id, email=user.email),
        dt_created=notebook.created_ms,
        dt_modified=notebook.modified_ms,
        dt_started=session.started_ms if session else None,
    )


def _list(ctx: Context, query: NotebookQuery) -> Page:
    return _shown_page(ctx, service.page(ctx, query))


def _list_project(ctx: Context, project_id: str, query: NotebookQuery) -> Page:
    return _shown_page(ctx, service.page(ctx, query, project_id))


def _shown_page(ctx: Context, page: Page) -> Page:
    return Page([shown(ctx, found) for found in page.items], page.next_page)


def _create(ctx: Context, body: NotebookBody) -> NotebookReply:
    spec = NotebookSpec(
        name=body.name,
        image=body.container,
        instance_type=body.machine_type,
        command=body.command or "",
        environment=body.environment,
    )
    return shown(ctx, service.create(ctx, body.project_id, spec, body.should_run_on_create))


def _get(ctx: Context, notebook_id: str) -> NotebookReply:
    return shown(ctx, service.get(ctx, notebook_id))


def _start(ctx: Context, notebook_id: str, body: StartBody) -> NotebookReply:
    return shown(ctx, service.start(ctx, notebook_id, body.machine_type))


def _stop(ctx: Context, notebook_id: str) -> NotebookReply:
    return shown(ctx, service.stop(ctx, notebook_id))


def _delete(ctx: Context, notebook_id: str) -> NotebookReply:
    return shown(ctx, service.delete(ctx, notebook_id))


def _logs(ctx: Context, notebook_id: str, query: LogQuery) -> dict[str, object]:
    found = service.get(ctx, notebook_id)
    if found.session is None:
        return {"text": "", "next": 0}
    session = service.session_log(ctx, notebook_id, found.session.id)
    text, following = logs.tail(ctx.config.paths.logs / session.id, query.offset, LOG_BYTES)
    return {"text": text.decode(errors="replace"), "next": following}


def _sessions(ctx: Context, notebook_id: str) -> list[dict[str, object]]:
    return [
        {
            "id": session.id,
            "state": session.state,
            "reason": session.reason,
            "message": session.message,
            "step": session.step,
            "waitPosition": session.wait_position or None,
            "waitReason": session.wait_reason or None,
            "exitCode": session.exit_code,
            "machineType": session.spec.instance_type,
            "imageDigest": session.image_digest or None,
        }
        for session in service.sessions(ctx, notebook_id)
    ]


NOTEBOOKS = ApiResource(
    "notebooks",
    id_prefix="n",
    spec=NotebookReply,
    permissions={"notebooks.open": "member", "notebooks.files": "member"},
    verbs=(
        Verb("list", "GET", "/notebooks", _list, query=NotebookQuery),
        Verb(
            "list_project", "GET", "/projects/{project_id}/notebooks", _list_project, query=NotebookQuery,
            permission="notebooks.list",
        ),
        Verb("create", "POST", "/notebooks", _create, body=NotebookBody),
        Verb("get", "GET", "/notebooks/{notebook_id}", _get),
        Verb("start", "POST", "/notebooks/{notebook_id}/start", _start, body=StartBody),
        Verb("stop", "POST", "/notebooks/{notebook_id}/stop", _stop),
        Verb("delete", "DELETE", "/notebooks/{notebook_id}", _delete),
        Verb("logs", "GET", "/notebooks/{notebook_id}/logs", _logs, query=LogQuery),
        Verb("sessions", "GET", "/notebooks/{notebook_id}/sessions", _sessions, permission="notebooks.get"),
    ),
)  # fmt: skip
