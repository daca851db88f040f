"""Pages of projects."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request

from appliance.access import RANK, needed_role, require_user
from appliance.context import Context
from appliance.errors import ApplianceError
from appliance.identity import role_in
from appliance.runtime import workloads
from appliance.schema import PageQuery
from appliance.web import forms
from appliance.web.pages import (
    Crumbs,
    command_line,
    context,
    done,
    page,
    project_frame,
    project_tabs,
)
from appliance.web.status import status_of
from plugins_builtin.projects import service
from plugins_builtin.projects.specs import Project, ProjectBody

PER_PAGE = 50


def blueprint() -> Blueprint:
    pages = Blueprint("projects", __name__, template_folder="templates")
    pages.add_url_rule("/projects", "index", index)
    pages.add_url_rule("/projects/new", "new", new)
    pages.add_url_rule("/projects/new", "create", create, methods=["POST"])
    pages.add_url_rule("/projects/<project_id>", "detail", detail)
    pages.add_url_rule("/projects/<project_id>/settings", "settings", settings)
    pages.add_url_rule("/projects/<project_id>/settings", "save", save, methods=["POST"])
    pages.add_url_rule("/projects/<project_id>/delete", "delete", delete, methods=["POST"])
    return pages


def index() -> str:
    """All projects of the team."""
    ctx, after = context(), request.args.get("after", "")
    found = service.page(ctx, PageQuery(limit=PER_PAGE, after=after))
    running = [workload.project_id for workload in workloads.live(ctx.db)]
    projects = [
        {
            "id": project.id,
            "name": project.name,
            "created_ms": project.created_ms,
            "running_count": running.count(project.id),
        }
        for project in found.items
    ]
    return page(
        "projects/list.html",
        "Projects",
        projects=projects,
        can_create=True,
        previous_url="/projects" if after else "",
        next_url=f"/projects?after={found.next_page}" if found.next_page else "",
    )


def new() -> str:
    """The form."""
    require_user(context())
    return _new_form({"name": ""}, {})


def _new_form(values: dict[str, Any], errors: dict[str, str]) -> str:
    crumbs: Crumbs = [("Projects", "/projects"), ("New project", None)]
    return page(
        "projects/new.html",
        "New project",
        crumbs=crumbs,
        live=False,
        values=values,
        errors=errors,
        cli=command_line(context(), "projects create"),
    )


def create() -> Any:
    """Make it and go there."""
    values = {"name": request.form.get("name", "")}
    body, errors = forms.parse(ProjectBody, values)
    if body is None:
        return _new_form(values, errors), 400
    project = service.create(context(), body.name)
    return done(f"/projects/{project.id}")


def detail(project_id: str) -> Any:
    """A project opens on its first tab."""
    project = service.get(context(), project_id)
    return redirect(project_tabs(project.id)[0]["url"], code=303)


def settings(project_id: str) -> str:
    """Name and deletion."""
    project = service.get(context(), project_id)
    return _settings_form(project, {"name": project.name}, {})


def _settings_form(project: Project, values: dict[str, Any], errors: dict[str, str]) -> str:
    ctx = context()
    pinned = [
        {"title": w.label, "url": f"/{w.kind}s/{w.owner_id}"}
        for w in service.running_in(ctx, project.id)
    ]
    return page(
        "projects/settings.html",
        project.name,
        **project_frame(project.id, project.name),
        values=values,
        errors=errors,
        can_edit=_can_delete(ctx, project),
        pinned_by=pinned,
    )


def _can_delete(ctx: Context, project: Project) -> bool:
    role = role_in(ctx.db, project.team_id, ctx.principal.user_id)
    return role is not None and RANK[role] >= RANK[needed_role(ctx, "projects.delete")]


def save(project_id: str) -> Any:
    """Rename it."""
    ctx, values = context(), {"name": request.form.get("name", "")}
    body, errors = forms.parse(ProjectBody, values)
    if body is None:
        return _settings_form(service.get(ctx, project_id), values, errors), 400
    service.rename(ctx, project_id, body)
    return done(f"/projects/{project_id}/settings", "Saved.")


def delete(project_id: str) -> Any:
    """Delete it, or say what is in the way."""
    ctx = context()
    try:
        project = service.delete(ctx, project_id)
    except ApplianceError as error:
        project = service.get(ctx, project_id)
        return _settings_form(project, {"name": project.name}, forms.whole(error)), status_of(error)
    return done("/projects", f"The project {project.name} is deleted.")
