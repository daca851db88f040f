"""What a project is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pydantic import Field

from appliance.schema import (
    Body,
    MaybeTime,
    NumberedQuery,
    PageQuery,
    Query,
    Reply,
    Time,
    Title,
    UserSummary,
)


@dataclass(frozen=True)
class Project:
    """A row."""

    seq: int
    id: str
    team_id: str
    name: str
    created_ms: int


@dataclass(frozen=True)
class Tag:
    """A row."""

    id: int
    name: str
    created_ms: int


@dataclass(frozen=True)
class Activity:
    """Something that happened to a deployment of a project. change: replicas before and after."""

    number: int
    action: str
    at_ms: int
    actor_email: str | None
    deployment_id: str
    deployment_name: str
    deleted_ms: int | None
    change: tuple[int, int] | None


class ProjectQuery(PageQuery):
    """GET /projects."""

    order_by: Literal["dtCreated"] = "dtCreated"


class PartsQuery(NumberedQuery):
    """Lists below a project."""

    order_by: Literal["dtCreated"] = "dtCreated"


class ActivityQuery(PartsQuery):
    """GET /projects/{id}/activity. name: of the deployment."""

    deployment_id: str = ""
    name: str = ""


class ProjectBody(Body):
    """POST /projects and PUT /projects/{id}."""

    name: Title


class ProjectReply(Reply):
    """rest-v1 `Project`. Linking to a repository comes with the concept of repositories."""

    id: str
    name: str
    dt_created: Time
    dt_deleted: MaybeTime = None
    repo_name: str | None = None
    repo_node_id: str | None = None
    repo_url: str | None = None


class TagBody(Body):
    """POST /projects/{id}/tags."""

    name: Title


class TagQuery(Query):
    """DELETE /projects/{id}/tags."""

    name: str = Field(max_length=100)


class TagReply(Reply):
    """rest-v1 `Tag`."""

    id: int
    name: str
    dt_created: Time


class CollaboratorBody(Body):
    """POST /projects/{id}/collaborators."""

    user_id: str = Field(min_length=1, max_length=100)


class CollaboratorReply(Reply):
    """rest-v1 `ProjectCollaborator`: a member of the project's team, which is what gives access."""

    user: UserSummary
    dt_created: Time
    dt_deleted: MaybeTime = None


class CollaboratorRemoved(Reply):
    """Who has no access any more."""

    user_id: str


class ActivityActor(Reply):
    """Who did it."""

    full_name: str | None = None
    email: str | None = None
    avatar_url: str | None = None


class ActivityDeployment(Reply):
    """What it was done to."""

    id: str
    name: str
    dt_deleted: MaybeTime


class ActivityChange(Reply):
    """Replicas before and after."""

    before: int = Field(serialization_alias="from")
    after: int = Field(serialization_alias="to")


class ActivityReply(Reply):
    """rest-v1 `ProjectActivity`."""

    id: UUID
    action: str
    actor: ActivityActor | None
    data: ActivityChange | None
    deployment: ActivityDeployment
    dt_created: Time


class ThingReply(Reply):
    """A model or a deployment."""

    id: str
    name: str
