"""What a project is made of."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.schema import Body, MaybeTime, Reply, Time, Title


@dataclass(frozen=True)
class Project:
    """A row."""

    seq: int
    id: str
    team_id: str
    name: str
    created_ms: int


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
