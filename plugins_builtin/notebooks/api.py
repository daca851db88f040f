"""Notebooks at the API."""

from __future__ import annotations

from urllib.parse import urlsplit

from appliance import gate, identity
from appliance.context import Context
from appliance.plugins import PEOPLE, ApiResource, Verb
from appliance.runtime import logs
from appliance.runtime.states import API_NOTEBOOK_STATES
from appliance.schema import LogPart, LogQuery, Page, UserSummary
from plugins_builtin.notebooks import lifetime, service
from plugins_builtin.notebooks.service import Shown
from plugins_builtin.notebooks.specs import (
    KeepBody,
    NotebookBody,
    NotebookQuery,
    NotebookReply,
    NotebookSpec,
    SavedImageReply,
    SaveImageBody,
    SessionReply,
    StartBody,
)

LOG_BYTES = 1 << 18
RUNS = API_NOTEBOOK_STATES["running"]
ENDED = ("Stopped", "Failed", "Error", "Cancelled", "Preempted")


def shown(ctx: Context, found: Shown) -> NotebookReply:
    notebook, session = found.notebook, found.session
    stop = lifetime.stop_of(ctx.db, session) if session else None
    used = lifetime.used(ctx.db, session) if session else None
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
        shutdown_timeout=notebook.shutdown_timeout_h or None,
        is_public=notebook.is_public,
        dt_created=notebook.created_ms,
        dt_modified=notebook.modified_ms,
        dt_started=session.started_ms if session else None,
        idle_timeout=notebook.idle_shutdown_h,
        dt_stops=stop.at_ms if stop else None,
        stops_because=stop.why if stop else None,
        dt_last_used=min(used.last_used_ms, ctx.clock.now_ms()) if used else None,
        last_used_by=used.why if used else None,
    )


def _list(ctx: Context, query: NotebookQuery) -> Page[NotebookReply]:
    return _shown_page(ctx, service.page(ctx, query))


def _list_project(ctx: Context, project_id: str, query: NotebookQuery) -> Page[NotebookReply]:
    return _shown_page(ctx, service.page(ctx, query, project_id))


def _shown_page(ctx: Context, page: Page[Shown]) -> Page[NotebookReply]:
    return page.map(lambda found: shown(ctx, found))


def _create(ctx: Context, body: NotebookBody) -> NotebookReply:
    spec = NotebookSpec(
        name=body.name,
        image=body.container,
        instance_type=body.machine_type,
        command=body.command or "",
        environment=body.environment,
        idle_shutdown_h=body.idle_timeout,
        registry_username=body.registry_username,
        registry_password=body.registry_password,
        shutdown_timeout_h=body.shutdown_timeout or 0,
        is_public=body.is_public,
    )
    start_now = body.should_run_on_create is not False
    return shown(ctx, service.create(ctx, body.project_id, spec, start_now))


def _get(ctx: Context, notebook_id: str) -> NotebookReply:
    return shown(ctx, service.get(ctx, notebook_id))


def _start(ctx: Context, notebook_id: str, body: StartBody) -> NotebookReply:
    found = service.start(
        ctx, notebook_id, body.machine_type, body.shutdown_timeout, body.idle_timeout
    )
    return shown(ctx, found)


def _keep(ctx: Context, notebook_id: str, body: KeepBody) -> NotebookReply:
    return shown(ctx, service.keep(ctx, notebook_id, body.hours))


def _stop(ctx: Context, notebook_id: str) -> NotebookReply:
    return shown(ctx, service.stop(ctx, notebook_id))


def _save_image(ctx: Context, notebook_id: str, body: SaveImageBody) -> SavedImageReply:
    image = service.save_image(ctx, notebook_id, body.name)
    return SavedImageReply(id=image.id, name=image.name, state=image.state)


def _put(ctx: Context, project_id: str, notebook_id: str) -> NotebookReply:
    return shown(ctx, service.move(ctx, notebook_id, project_id))


def _take(ctx: Context, project_id: str, notebook_id: str) -> NotebookReply:
    return shown(ctx, service.take_out(ctx, notebook_id, project_id))


def _delete(ctx: Context, notebook_id: str) -> NotebookReply:
    return shown(ctx, service.delete(ctx, notebook_id))


def _logs(ctx: Context, notebook_id: str, query: LogQuery) -> LogPart:
    found = service.get(ctx, notebook_id)
    if found.session is None:
        return LogPart(text="", next=0, ended=True)
    session = service.session_log(ctx, notebook_id, found.session.id)
    directory = ctx.config.paths.logs / session.id
    ended = not session.live and not logs.growing(
        directory
    )  # looked at before reading: what it says holds after
    text, following = logs.tail(directory, query.offset, LOG_BYTES)
    return LogPart(text=text.decode(errors="replace"), next=following, ended=ended and not text)


def _sessions(ctx: Context, notebook_id: str) -> list[SessionReply]:
    return [
        SessionReply(
            id=session.id,
            state=session.state,
            reason=session.reason,
            message=session.message,
            step=session.step,
            wait_position=session.wait_position or None,
            wait_reason=session.wait_reason or None,
            exit_code=session.exit_code,
            machine_type=session.spec.instance_type,
            image_digest=session.image_digest or None,
        )
        for session in service.sessions(ctx, notebook_id)
    ]


NOTEBOOKS = ApiResource(
    "notebooks",
    id_prefix="n",
    spec=NotebookReply,
    title="Notebooks",
    columns=("id", "name", "state", "machineType", "projectId", "dtCreated"),
    permissions={"notebooks.open": "member", "notebooks.files": "member"},
    verbs=(
        Verb("list", "GET", "/notebooks", _list, query=NotebookQuery, summary="Notebooks of the team"),
        Verb(
            "list_project", "GET", "/projects/{project_id}/notebooks", _list_project, query=NotebookQuery,
            permission="notebooks.list", summary="Notebooks of a project",
        ),
        Verb(
            "create", "POST", "/notebooks", _create, body=NotebookBody, summary="New notebook, started or not",
            until=(RUNS, *ENDED),
        ),
        Verb(
            "get", "GET", "/notebooks/{notebook_id}", _get, summary="One notebook", words="notebooks details",
            until=(RUNS, *ENDED),
        ),
        Verb(
            "start", "POST", "/notebooks/{notebook_id}/start", _start, body=StartBody, summary="Start it again",
            until=(RUNS, *ENDED),
        ),
        Verb(
            "stop", "POST", "/notebooks/{notebook_id}/stop", _stop, summary="Stop it; its files stay", until=ENDED,
        ),
        Verb(
            "keep", "POST", "/notebooks/{notebook_id}/keep", _keep, body=KeepBody,
            summary="Put off its auto-shutdown by hours, or until what it does is done",
        ),
        Verb("delete", "DELETE", "/notebooks/{notebook_id}", _delete, summary="Delete it with its files and logs"),
        Verb(
            "save_image", "POST", "/notebooks/{notebook_id}/image", _save_image, body=SaveImageBody, by=PEOPLE,
            words="notebooks save-image", summary="Save what is installed in a running notebook as an image of the team",
        ),
        Verb(
            "put", "POST", "/projects/{project_id}/notebooks/{notebook_id}", _put, permission="notebooks.move",
            by=PEOPLE, summary="Put a notebook into another project of its team",
        ),
        Verb(
            "take", "DELETE", "/projects/{project_id}/notebook/{notebook_id}", _take, permission="notebooks.move",
            by=PEOPLE, summary="Take a notebook out of a project; it goes to the project Unsorted",
        ),
        Verb(
            "logs", "GET", "/notebooks/{notebook_id}/logs", _logs, query=LogQuery,
            summary="The log of its newest session",
        ),
        Verb(
            "sessions", "GET", "/notebooks/{notebook_id}/sessions", _sessions, permission="notebooks.get",
            summary="Every time it ran, newest first",
        ),
    ),
)  # fmt: skip
