"""Use cases of projects."""

from __future__ import annotations

from appliance import events, identity
from appliance.access import require
from appliance.context import Context
from appliance.db import write
from appliance.errors import Conflict, NotFound
from appliance.events import Event, emit
from appliance.identity import Member
from appliance.ids import new_id
from appliance.plugins import Hit
from appliance.runtime import workloads
from appliance.runtime.workloads import Workload
from appliance.schema import NumberedQuery, Page, PageQuery, page_of
from plugins_builtin.projects import store
from plugins_builtin.projects.specs import Activity, ActivityQuery, Project, ProjectBody, Tag
from plugins_builtin.teams import service as teams

UNSORTED = "Unsorted"
# rest-v1's activity. Their events are of the deployment, with its name in `label`, replicas in `before` and `after`.
ACTIONS = tuple(
    f"deployment.{what}"
    for what in (
        "created", "updated", "deleted", "scaled", "enabled", "disabled", "autoscaling.enabled",
        "autoscaling.disabled",
    )
)  # fmt: skip


def create(ctx: Context, name: str, team_id: str = "") -> Project:
    """A new project, in the team that the principal works in unless another is given."""
    team_id = require(ctx, "projects.create", team_id=team_id or ctx.principal.team_id)
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


def unsorted(ctx: Context, team_id: str) -> Project:
    """The project of a team for what was taken out of one, made when it is first needed."""
    require(ctx, "projects.create", team_id=team_id)
    return store.named(ctx.db, team_id, UNSORTED) or create(ctx, UNSORTED, team_id)


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
    found = store.matching(ctx.db, team_id, text, limit)
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


def tags(ctx: Context, project_id: str, query: NumberedQuery) -> Page[Tag]:
    """Tags of a project."""
    require(ctx, "project_tags.list", project_id=project_id)
    newest_first = query.order == "desc"
    found = store.tags(ctx.db, project_id, query.position, query.limit + 1, newest_first)
    return page_of(found, query.limit, lambda tag: str(tag.id))


def add_tag(ctx: Context, project_id: str, name: str) -> Tag:
    """Tag a project. Repeatable."""
    require(ctx, "project_tags.add", project_id=project_id)
    with write(ctx.db) as db:
        store.add_tag(db, project_id, name)
    return store.tag(ctx.db, project_id, name)


def remove_tag(ctx: Context, project_id: str, name: str) -> Tag:
    """Untag it; NotFound when it has no such tag."""
    require(ctx, "project_tags.remove", project_id=project_id)
    with write(ctx.db) as db:
        tag = store.tag(db, project_id, name)
        store.remove_tag(db, project_id, name)
    return tag


def collaborators(ctx: Context, project_id: str, query: NumberedQuery) -> Page[Member]:
    """Who has access to a project: the members of its team."""
    team_id = require(ctx, "project_collaborators.list", project_id=project_id)
    return teams.page(ctx, team_id, query)


def add_collaborator(ctx: Context, project_id: str, user_id: str) -> Member:
    """Give somebody access, which makes them a member of the project's team. Repeatable."""
    team_id = require(ctx, "project_collaborators.add", project_id=project_id)
    try:
        return teams.member(ctx, team_id, user_id)
    except NotFound:
        return teams.add_member(ctx, team_id, user_id, "member")


def remove_collaborator(ctx: Context, project_id: str, user_id: str) -> Member:
    """Take access away: out of the project's team, and so from all its projects."""
    team_id = require(ctx, "project_collaborators.remove", project_id=project_id)
    return teams.remove_member(ctx, team_id, user_id)


def activity(ctx: Context, project_id: str, query: ActivityQuery) -> Page[Activity]:
    """What happened to the deployments of a project in the last 30 days, as long as events are kept."""
    require(ctx, "project_activity.list", project_id=project_id)
    found = events.of_project(
        ctx.db, project_id, ACTIONS, subject=query.deployment_id, label=query.name,
        after=query.position, limit=query.limit + 1, newest_first=query.order == "desc",
    )  # fmt: skip
    part = page_of(found, query.limit, lambda event: str(event.id))
    return part.map(lambda event: _activity(ctx, event))


def _activity(ctx: Context, event: Event) -> Activity:
    ended = events.of_project(
        ctx.db, event.project_id or "", ("deployment.deleted",), subject=event.subject, limit=1
    )
    change = (event.data["before"], event.data["after"]) if "before" in event.data else None
    return Activity(
        number=event.id,
        action=event.name,
        at_ms=event.at_ms,
        actor_email=identity.user_by_id(ctx.db, event.actor).email if event.actor else None,
        deployment_id=event.subject,
        deployment_name=event.data.get("label", ""),
        deleted_ms=ended[0].at_ms if ended else None,
        change=change,
    )
