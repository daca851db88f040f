"""Use cases of projects."""

from __future__ import annotations

from appliance import identity
from appliance.access import require
from appliance.context import Context
from appliance.db import write
from appliance.errors import Conflict
from appliance.events import emit
from appliance.ids import new_id
from appliance.plugins import Hit
from appliance.runtime import workloads
from appliance.runtime.workloads import Workload
from appliance.schema import Page, PageQuery, page_of
from plugins_builtin.projects import store
from plugins_builtin.projects.specs import Project, ProjectBody


def create(ctx: Context, name: str) -> Project:
    """A new project in the principal's team."""
    team_id = require(ctx, "projects.create", team_id=ctx.principal.team_id)
    project_id = new_id("pr")
    with write(ctx.db) as db:
        store.insert(db, project_id, team_id, name)
        identity.place_project(db, project_id, team_id)
        emit(
            db, "project.created", subject=project_id, project_id=project_id, team_id=team_id,
            actor=ctx.principal.user_id,
        )  # fmt: skip
    return store.get(ctx.db, project_id)


def get(ctx: Context, project_id: str) -> Project:
    require(ctx, "projects.get", project_id=project_id)
    return store.get(ctx.db, project_id)


def page(ctx: Context, query: PageQuery) -> Page[Project]:
    """Projects of the principal's team; a workload sees its own only."""
    if ctx.principal.project_id:
        return Page([get(ctx, ctx.principal.project_id)])
    team_id = require(ctx, "projects.list", team_id=ctx.principal.team_id)
    found = store.of_team(ctx.db, team_id, query.after, query.limit + 1, query.order == "desc")
    return page_of(found, query.limit, lambda project: project.id)


def search(ctx: Context, text: str, limit: int) -> list[Hit]:
    """Projects of the principal's team by name or id."""
    team_id = require(ctx, "projects.list", team_id=ctx.principal.team_id)
    found = store.named(ctx.db, team_id, text, limit)
    return [Hit(project.name, f"/projects/{project.id}", "project") for project in found]


def rename(ctx: Context, project_id: str, body: ProjectBody) -> Project:
    team_id = require(ctx, "projects.update", project_id=project_id)
    with write(ctx.db) as db:
        store.rename(db, project_id, body.name)
        emit(
            db, "project.renamed", subject=project_id, project_id=project_id, team_id=team_id,
            actor=ctx.principal.user_id,
        )  # fmt: skip
    return store.get(ctx.db, project_id)


def running_in(ctx: Context, project_id: str) -> list[Workload]:
    """What still runs or waits in a project."""
    require(ctx, "projects.get", project_id=project_id)
    return [workload for workload in workloads.live(ctx.db) if workload.project_id == project_id]


def delete(ctx: Context, project_id: str) -> Project:
    """Delete it with all that is in it; Conflict, naming what, while something runs.

    What is in it belongs to other plugins: they hear of it and delete theirs.
    """
    with write(ctx.db) as db:
        team_id = require(ctx, "projects.delete", project_id=project_id)
        project = store.get(db, project_id)
        running = running_in(ctx, project_id)
        if running:
            names = ", ".join(workload.label for workload in running[:5])
            raise Conflict(f"still running in this project: {names}", hint="stop it first")
        store.mark_deleted(db, project_id)
        identity.drop_project(db, project_id)  # nobody may add to it or see what is in it any more
        emit(
            db, "project.deleted", subject=project_id, project_id=project_id, team_id=team_id,
            actor=ctx.principal.user_id,
        )  # fmt: skip
    return project
