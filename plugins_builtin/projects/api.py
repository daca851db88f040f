"""Projects at the API."""

from __future__ import annotations

from uuid import UUID

from appliance.context import Context
from appliance.identity import Member
from appliance.plugins import PEOPLE, ApiResource, Verb
from appliance.schema import Page, UserSummary
from plugins_builtin.projects import service
from plugins_builtin.projects.specs import (
    Activity,
    ActivityActor,
    ActivityChange,
    ActivityDeployment,
    ActivityQuery,
    ActivityReply,
    CollaboratorBody,
    CollaboratorRemoved,
    CollaboratorReply,
    PartsQuery,
    Project,
    ProjectBody,
    ProjectQuery,
    ProjectReply,
    Tag,
    TagBody,
    TagQuery,
    TagReply,
    ThingReply,
)


def shown(project: Project) -> ProjectReply:
    return ProjectReply(id=project.id, name=project.name, dt_created=project.created_ms)


def _list(ctx: Context, query: ProjectQuery) -> Page[ProjectReply]:
    return service.page(ctx, query).map(shown)


def _create(ctx: Context, body: ProjectBody) -> ProjectReply:
    return shown(service.create(ctx, body.name))


def _get(ctx: Context, project_id: str) -> ProjectReply:
    return shown(service.get(ctx, project_id))


def _update(ctx: Context, project_id: str, body: ProjectBody) -> ProjectReply:
    return shown(service.rename(ctx, project_id, body))


def _delete(ctx: Context, project_id: str) -> ProjectReply:
    return shown(service.delete(ctx, project_id))


def _tag(tag: Tag) -> TagReply:
    return TagReply(id=tag.id, name=tag.name, dt_created=tag.created_ms)


def _list_tags(ctx: Context, project_id: str, query: PartsQuery) -> Page[TagReply]:
    return service.tags(ctx, project_id, query).map(_tag)


def _add_tag(ctx: Context, project_id: str, body: TagBody) -> TagReply:
    return _tag(service.add_tag(ctx, project_id, body.name))


def _remove_tag(ctx: Context, project_id: str, query: TagQuery) -> TagReply:
    return _tag(service.remove_tag(ctx, project_id, query.name))


def _collaborator(member: Member) -> CollaboratorReply:
    user = UserSummary(id=member.user.id, email=member.user.email)
    return CollaboratorReply(user=user, dt_created=member.created_ms)


def _list_collaborators(
    ctx: Context, project_id: str, query: PartsQuery
) -> Page[CollaboratorReply]:
    return service.collaborators(ctx, project_id, query).map(_collaborator)


def _add_collaborator(ctx: Context, project_id: str, body: CollaboratorBody) -> CollaboratorReply:
    return _collaborator(service.add_collaborator(ctx, project_id, body.user_id))


def _remove_collaborator(ctx: Context, project_id: str, user_id: str) -> CollaboratorRemoved:
    return CollaboratorRemoved(
        user_id=service.remove_collaborator(ctx, project_id, user_id).user.id
    )


def _list_activity(ctx: Context, project_id: str, query: ActivityQuery) -> Page[ActivityReply]:
    return service.activity(ctx, project_id, query).map(_activity)


def _activity(item: Activity) -> ActivityReply:
    return ActivityReply(
        id=UUID(int=item.number),  # rest-v1 has UUIDs here
        action=item.action,
        actor=ActivityActor(email=item.actor_email) if item.actor_email else None,
        data=ActivityChange(before=item.change[0], after=item.change[1]) if item.change else None,
        deployment=ActivityDeployment(
            id=item.deployment_id, name=item.deployment_name, dt_deleted=item.deleted_ms
        ),
        dt_created=item.at_ms,
    )


def _list_none(ctx: Context, project_id: str, query: PartsQuery) -> Page[ThingReply]:
    """Nothing here makes models or deployments yet, and that is what an empty page says."""
    service.get(ctx, project_id)
    return Page([])


PROJECTS = ApiResource(
    "projects",
    id_prefix="pr",
    spec=ProjectReply,
    title="Projects",
    columns=("id", "name", "repoUrl", "dtCreated"),
    verbs=(
        Verb("list", "GET", "/projects", _list, query=ProjectQuery, summary="Projects of the team"),
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


TAGS = ApiResource(
    "project_tags",
    id_prefix="",
    spec=TagReply,
    title="Tags of projects",
    words="projects tags",
    verbs=(
        Verb("list", "GET", "/projects/{project_id}/tags", _list_tags, query=PartsQuery, summary="Tags of a project"),
        Verb("add", "POST", "/projects/{project_id}/tags", _add_tag, body=TagBody, summary="Tag a project"),
        Verb(
            "remove", "DELETE", "/projects/{project_id}/tags", _remove_tag, query=TagQuery, summary="Untag a project",
        ),
    ),
)  # fmt: skip

COLLABORATORS = ApiResource(
    "project_collaborators",
    id_prefix="",
    spec=CollaboratorReply,
    title="Collaborators of projects",
    words="projects collaborators",
    columns=("user.id", "user.email", "dtCreated"),
    verbs=(
        Verb(
            "list", "GET", "/projects/{project_id}/collaborators", _list_collaborators, query=PartsQuery, by=PEOPLE,
            summary="Who has access to a project",
        ),
        Verb(
            "add", "POST", "/projects/{project_id}/collaborators", _add_collaborator, body=CollaboratorBody,
            role="admin", by=PEOPLE, summary="Give a user access, as a member of the team of the project",
        ),
        Verb(
            "remove", "DELETE", "/projects/{project_id}/collaborators/{user_id}", _remove_collaborator, role="admin",
            by=PEOPLE, summary="Take access away, by taking the user out of the team of the project",
        ),
    ),
)  # fmt: skip

ACTIVITY = ApiResource(
    "project_activity",
    id_prefix="",
    spec=ActivityReply,
    title="Activity of projects",
    words="projects activity",
    columns=("dtCreated", "action", "deployment.name", "actor.email"),
    verbs=(
        Verb(
            "list", "GET", "/projects/{project_id}/activity", _list_activity, query=ActivityQuery,
            summary="What happened to the deployments of a project",
        ),
    ),
)  # fmt: skip

LISTS = {
    "models": "Models",
    "deployments": "Deployments",
    "apps": "Deployments, by their former name,",
}
THINGS = ApiResource(
    "project_things",
    id_prefix="",
    spec=ThingReply,
    title="Models and deployments of projects",
    words="projects",
    verbs=tuple(
        Verb(
            f"list_{kind}", "GET", f"/projects/{{project_id}}/{kind}", _list_none, query=PartsQuery,
            permission="projects.get", summary=f"{name} of a project",
        )
        for kind, name in LISTS.items()
    ),
)  # fmt: skip
