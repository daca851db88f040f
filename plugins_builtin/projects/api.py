"""Projects at the API."""

from __future__ import annotations

from appliance.context import Context
from appliance.plugins import PEOPLE, ApiResource, Verb
from appliance.schema import Page, PageQuery
from plugins_builtin.projects import service
from plugins_builtin.projects.specs import Project, ProjectBody, ProjectReply


def shown(project: Project) -> ProjectReply:
    return ProjectReply(id=project.id, name=project.name, dt_created=project.created_ms)


def _list(ctx: Context, query: PageQuery) -> Page[ProjectReply]:
    return service.page(ctx, query).map(shown)


def _create(ctx: Context, body: ProjectBody) -> ProjectReply:
    return shown(service.create(ctx, body.name))


def _get(ctx: Context, project_id: str) -> ProjectReply:
    return shown(service.get(ctx, project_id))


def _update(ctx: Context, project_id: str, body: ProjectBody) -> ProjectReply:
    return shown(service.rename(ctx, project_id, body))


def _delete(ctx: Context, project_id: str) -> ProjectReply:
    return shown(service.delete(ctx, project_id))


PROJECTS = ApiResource(
    "projects",
    id_prefix="pr",
    spec=ProjectReply,
    title="Projects",
    columns=("id", "name", "repoUrl", "dtCreated"),
    verbs=(
        Verb("list", "GET", "/projects", _list, query=PageQuery, summary="Projects of the team"),
        Verb(
            "create", "POST", "/projects", _create, body=ProjectBody, by=PEOPLE, summary="New project",
        ),
        Verb("get", "GET", "/projects/{project_id}", _get, summary="One project", words="projects details"),
        Verb(
            "update", "PUT", "/projects/{project_id}", _update, body=ProjectBody, summary="Rename a project",
        ),
        Verb(
            "delete", "DELETE", "/projects/{project_id}", _delete, role="admin", by=PEOPLE,
            summary="Delete a project with all that is in it",
        ),
    ),
)  # fmt: skip
