"""Pages of notebooks: parse, call the service, render."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, request

from appliance import identity
from appliance.access import needed_role
from appliance.context import Context
from appliance.errors import ApplianceError
from appliance.plugins import InstanceType
from appliance.runtime import logs
from appliance.runtime.workloads import Workload
from appliance.web import forms, log_files
from appliance.web.pages import command_line, context, done, fragment, page, project_frame
from appliance.web.status import status_of
from plugins_builtin.images import service as images
from plugins_builtin.notebooks import lifetime, service
from plugins_builtin.notebooks.service import Shown
from plugins_builtin.notebooks.specs import KeepBody, NotebookQuery, NotebookSpec, SaveImageBody
from plugins_builtin.projects import service as projects

PER_PAGE = 50
PANEL_ROWS = 8
FIELDS = ("name", "image", "other_image", "instance_type", "command", "registry_username")
HOURS = ("shutdown_timeout_h", "idle_shutdown_h")  # empty: not given
OPENABLE = (
    "provisioning",
    "starting",
    "running",
)  # on its way, its URL says so and goes on by itself


def blueprint() -> Blueprint:
    pages = Blueprint("notebooks", __name__, template_folder="templates")
    for rule, view, method in (
        ("/projects/<project_id>/notebooks", index, "GET"),
        ("/projects/<project_id>/notebooks/rows", rows, "GET"),
        ("/projects/<project_id>/notebooks/new", new, "GET"),
        ("/projects/<project_id>/notebooks/new", create, "POST"),
        ("/notebooks/panel", panel, "GET"),
        ("/notebooks/<notebook_id>", detail, "GET"),
        ("/notebooks/<notebook_id>/card", card, "GET"),
        ("/notebooks/<notebook_id>/sessions", sessions, "GET"),
        ("/notebooks/<notebook_id>/start", start, "POST"),
        ("/notebooks/<notebook_id>/stop", stop, "POST"),
        ("/notebooks/<notebook_id>/keep", keep, "POST"),
        ("/notebooks/<notebook_id>/image", save_image, "GET"),
        ("/notebooks/<notebook_id>/image", do_save_image, "POST"),
        ("/notebooks/<notebook_id>/delete", delete, "POST"),
    ):
        pages.add_url_rule(rule, view.__name__, view, methods=[method])
    return pages


def shown_row(ctx: Context, found: Shown) -> dict[str, Any]:
    """A notebook as the templates know it."""
    notebook, session = found.notebook, found.session
    return {
        "id": notebook.id,
        "name": notebook.name,
        "state": found.state,
        "reason": session.reason if session else "",
        "message": (session.message or session.step) if session else "",
        "instance_type": (
            session.spec.instance_type if session and session.live else notebook.instance_type
        ),
        "image": notebook.image,
        "owner": service.owner_name(ctx, notebook),
        "created_ms": notebook.created_ms,
        "started_ms": session.started_ms if session else None,
        "ended_ms": session.ended_ms if session else None,
        "open_url": f"/open/{service.KIND}/{notebook.id}" if found.state in OPENABLE else "",
        "project_id": notebook.project_id,
        "wait_position": (session.wait_position or None) if session else None,
        "wait_reason": session.wait_reason if session else "",
        "can_edit": True,
    }


def shown_types(ctx: Context) -> list[dict[str, Any]]:
    return [shown_type(kind) for kind in ctx.registry.instance_types.values()]


def shown_type(kind: InstanceType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "cpus": f"{kind.cpu_milli / 1000:g}",
        "memory_mib": kind.memory_mib,
        "gpus": kind.gpus,
    }


def _list_values(project_id: str) -> dict[str, Any]:
    ctx, after = context(), request.args.get("after", "")
    found = service.page(ctx, NotebookQuery(limit=PER_PAGE, after=after), project_id)
    base = f"/projects/{project_id}/notebooks"
    return {
        "notebooks": [shown_row(ctx, item) for item in found.items],
        "rows_url": f"{base}/rows?after={quote(after)}",
        "previous_url": base if after else "",
        "next_url": f"{base}?after={found.next_page}" if found.next_page else "",
        "can_create": bool(needed_role(ctx, "notebooks.create")),
    }


def index(project_id: str) -> str:
    """The tab of a project."""
    project = projects.get(context(), project_id)
    return page(
        "notebooks/list.html",
        project.name,
        **project_frame(project.id, project.name),
        **_list_values(project_id),
    )


def rows(project_id: str) -> str:
    """The rows alone, when one of them changed."""
    project = projects.get(context(), project_id)
    return fragment("notebooks/_rows.html", project=project, **_list_values(project_id))


def panel() -> str:
    """The box on the home page: what runs or was used last in the team."""
    ctx = context()
    found = service.page(ctx, NotebookQuery(limit=PANEL_ROWS))
    return fragment(
        "notebooks/_panel.html", notebooks=[shown_row(ctx, item) for item in found.items]
    )


def new(project_id: str) -> str:
    """The form, filled in so that one click creates a notebook."""
    ctx = context()
    types = list(ctx.registry.instance_types)
    values = {"name": "My notebook", "image": "notebook", "instance_type": types[0]}
    return _new_form(project_id, values, {})


def _new_form(project_id: str, values: dict[str, Any], errors: dict[str, str]) -> str:
    ctx = context()
    project = projects.get(ctx, project_id)
    team_id = identity.team_of_project(ctx.db, project.id)
    crumbs = [
        ("Projects", "/projects"),
        (project.name, f"/projects/{project.id}"),
        ("New notebook", None),
    ]
    return page(
        "notebooks/new.html",
        "New notebook",
        crumbs=crumbs,
        live=False,
        project=project,
        values={
            "other_image": "",
            "command": "",
            "registry_username": "",
            **dict.fromkeys(HOURS, ""),
            **values,
        },
        errors=errors,
        images=images.choices(ctx, team_id),
        instance_types=shown_types(ctx),
        cli=command_line(ctx, "notebooks create", project=project.id),
    )


def create(project_id: str) -> Any:
    """Make and start it, or show the form again with what was typed."""
    values = {key: request.form.get(key, "").strip() for key in FIELDS + HOURS}
    asked = {key: values[key] for key in FIELDS if key != "other_image"}
    asked |= {key: values[key] for key in HOURS if values[key]}
    image_field = "other_image" if values["other_image"] else "image"
    password = request.form.get("registry_password", "")  # never sent back
    asked |= {"image": values[image_field], "registry_password": password}
    spec, errors = forms.parse(NotebookSpec, asked)
    if spec is None:
        errors = {image_field if key == "image" else key: text for key, text in errors.items()}
        return _new_form(project_id, values, errors), 400
    try:
        found = service.create(context(), project_id, spec)
    except ApplianceError as error:
        return _new_form(project_id, values, forms.whole(error)), status_of(error)
    return done(f"/notebooks/{found.notebook.id}")


def _card_values(found: Shown) -> dict[str, Any]:
    ctx, session = context(), found.session
    failed = session is not None and session.state in ("failed", "error")
    tail = logs.last_lines(ctx.config.paths.logs / session.id) if session and failed else []
    return {
        "notebook": shown_row(ctx, found),
        "session_id": session.id if session else "",
        "instance_types": shown_types(ctx),
        "log_tail": "\n".join(tail),
        **_lifetime_values(ctx, session),
    }


def _lifetime_values(ctx: Context, session: Workload | None) -> dict[str, Any]:
    """What will stop it and when, who used it last, and what was killed in it."""
    used = lifetime.used(ctx.db, session) if session else None
    stop = lifetime.stop_of(ctx.db, session) if session else None
    now_ms = ctx.clock.now_ms()
    return {
        "used": {"ms": min(used.last_used_ms, now_ms), "by": used.why} if used else None,
        "stop": (
            {"at_ms": stop.at_ms, "soon": now_ms >= stop.warn_ms, "why": stop.why} if stop else None
        ),
        "memory_killed_ms": used.memory_killed_ms if used else None,
    }


def _log_values(ctx: Context, session: Workload | None) -> dict[str, Any] | None:
    if session is None:
        return None
    url = f"/notebooks/{session.owner_id}/log/{session.id}"
    return log_files.view(ctx.config.paths.logs / session.id, url)


def notebook_frame(found: Shown, active: str) -> dict[str, Any]:
    """What the templates of a notebook's own tabs need."""
    notebook = found.notebook
    project = projects.get(context(), notebook.project_id)
    base = f"/notebooks/{notebook.id}"
    tabs = (("Overview", base), ("Files", f"{base}/files"))
    return {
        "crumbs": [
            ("Projects", "/projects"),
            (project.name, f"/projects/{project.id}/notebooks"),
            (notebook.name, None),
        ],
        "tabs": [{"title": title, "url": url, "active": title == active} for title, url in tabs],
        **_card_values(found),
    }


def detail(notebook_id: str) -> str:
    """One notebook."""
    ctx = context()
    found = service.get(ctx, notebook_id)
    return page(
        "notebooks/detail.html",
        found.notebook.name,
        log=_log_values(ctx, found.session),
        sessions=_session_rows(notebook_id),
        **notebook_frame(found, "Overview"),
    )


def card(notebook_id: str) -> str:
    """Title, state and actions, when they changed."""
    return fragment("notebooks/_card.html", **_card_values(service.get(context(), notebook_id)))


def sessions(notebook_id: str) -> str:
    """The history, when it changed."""
    found = service.get(context(), notebook_id)
    return fragment(
        "notebooks/_sessions.html", notebook=found.notebook, sessions=_session_rows(notebook_id)
    )


def _session_rows(notebook_id: str) -> list[dict[str, Any]]:
    return [
        {
            "id": session.id,
            "state": session.state,
            "message": session.message,
            "started_ms": session.started_ms,
            "ended_ms": session.ended_ms,
            "exit_code": session.exit_code,
            "instance_type": session.spec.instance_type,
        }
        for session in service.sessions(context(), notebook_id)
    ]


def start(notebook_id: str) -> Any:
    """Start it and show it."""
    service.start(context(), notebook_id, request.form.get("instance_type", ""))
    return done(f"/notebooks/{notebook_id}")


def stop(notebook_id: str) -> Any:
    """Stop it and show it."""
    service.stop(context(), notebook_id)
    return done(f"/notebooks/{notebook_id}")


def keep(notebook_id: str) -> Any:
    """Put off its auto-shutdown and show it. hours: a number, or nothing for "until it is done"."""
    body = KeepBody.model_validate({"hours": request.form.get("hours") or None})
    service.keep(context(), notebook_id, body.hours)
    return done(f"/notebooks/{notebook_id}")


def save_image(notebook_id: str) -> str:
    """The form that asks for a name."""
    return _save_form(notebook_id, "", {})


def _save_form(notebook_id: str, name: str, errors: dict[str, str]) -> str:
    found = service.get(context(), notebook_id)
    crumbs = [(found.notebook.name, f"/notebooks/{notebook_id}"), ("Save environment", None)]
    return page(
        "notebooks/save_image.html",
        "Save environment as image",
        crumbs=crumbs,
        live=False,
        notebook=found.notebook,
        name=name,
        errors=errors,
        cli=command_line(context(), "notebooks save-image", id=notebook_id),
    )


def do_save_image(notebook_id: str) -> Any:
    """Begin and show how it goes, or show the form again."""
    name = request.form.get("name", "")
    service.get(context(), notebook_id)
    body, errors = forms.parse(SaveImageBody, {"name": name})
    if body is None:
        return _save_form(notebook_id, name, errors), 400
    try:
        image = service.save_image(context(), notebook_id, body.name)
    except ApplianceError as error:
        return _save_form(notebook_id, name, forms.whole(error)), status_of(error)
    return done(f"/images/{image.id}")


def delete(notebook_id: str) -> Any:
    """Delete it and go back to the project."""
    found = service.delete(context(), notebook_id)
    return done(
        f"/projects/{found.notebook.project_id}/notebooks", f"{found.notebook.name} is deleted."
    )
