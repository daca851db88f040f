"""What was asked for, and a row as read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from appliance.runtime.spec import GIT_REF, WORKSPACE_URL, EnvName, Frozen
from appliance.schema import (
    Body,
    MaybeTime,
    NumberedQuery,
    PageQuery,
    Query,
    Reply,
    Time,
    Title,
    Unseen,
    UserSummary,
    told,
)


def _fetchable(url: str) -> str:
    if url and not re.match(WORKSPACE_URL, url):
        raise PydanticCustomError(
            "workspace",
            "A workspace is an address that begins with https:// or http://, without a user name in it",
        )
    return url


ImageName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$"),
    told("This must be an image's name, like ghcr.io/lab/tool:1"),
]
Command = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=4096, pattern=r"^[^\x00]*$")
]

WorkspaceUrl = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_fetchable)
]
GitRef = Annotated[str, StringConstraints(strip_whitespace=True, max_length=250, pattern=GIT_REF)]
Hours = Annotated[float, Field(ge=0, le=8760, allow_inf_nan=False)]
OneLine = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NotebookSpec(Frozen):
    """What makes a notebook start. image: a name of the catalogue or any reference. command: "" = the image's.

    registry_*: for an image that not everybody may pull; the password may be `secret:NAME`.
    workspace: the URL of a git repository, or of one notebook, that the files begin with.
    shutdown_timeout_h: hours after its start when it is stopped, 0 = never. is_public: whoever has its link may look at it.
    """

    name: Title
    image: ImageName = "notebook"
    instance_type: str = Field(min_length=1, max_length=40)
    command: Command = ""
    environment: dict[EnvName, Annotated[str, StringConstraints(max_length=32768)]] = Field(
        default_factory=dict, max_length=200
    )
    registry_username: OneLine = ""
    registry_password: Annotated[OneLine, Unseen] = Field(default="", repr=False)
    workspace: WorkspaceUrl = ""
    workspace_ref: GitRef = ""
    workspace_username: OneLine = ""
    workspace_password: Annotated[OneLine, Unseen] = Field(default="", repr=False)
    shutdown_timeout_h: Hours = 0
    idle_shutdown_h: Hours | None = None
    is_public: bool = False

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.registry_username) != bool(self.registry_password):
            raise PydanticCustomError(
                "registry", "A registry's user name and password belong together"
            )
        if self.workspace_password and not self.workspace_username:
            raise PydanticCustomError("workspace", "A workspace's password needs a user name")
        if not self.workspace and (self.workspace_ref or self.workspace_username):
            raise PydanticCustomError("workspace", "Ref and user name are those of a workspace")
        return self


@dataclass(frozen=True)
class Notebook:
    """A row. Its state is that of its newest workload: there is no column for it.

    shutdown_timeout_h: counted from its start, 0 = never. idle_shutdown_h: without use; None = as the setting
    says, 0 = never.
    registry_password, workspace_password: as `refs.keep` gave it, never a password. files_state: "" when its files are
    there, "copying", or "failed" with files_message. share_token: where it is public, "" where it is not.
    """

    seq: int
    id: str
    project_id: str
    name: str
    image: str
    instance_type: str
    command: str
    environment: dict[str, str]
    created_by: str
    created_ms: int
    modified_ms: int
    registry_username: str
    registry_password: str
    workspace: str
    workspace_ref: str
    workspace_username: str
    workspace_password: str
    shutdown_timeout_h: float
    is_public: bool
    idle_shutdown_h: float | None
    forked_from: str
    files_state: str
    files_message: str
    share_token: str


@dataclass(frozen=True)
class Limits:
    """How long one session may live. The hours: as its notebook's when it began.

    kept_ms: when somebody asked to keep it until it is done. hold_until_ms: nothing stops it before, 0 = nobody asked.
    warned_ms: since when its stop is announced.
    """

    workload_id: str
    shutdown_timeout_h: float = 0
    idle_shutdown_h: float | None = None
    kept_ms: int | None = None
    hold_until_ms: int = 0
    warned_ms: int | None = None


@dataclass(frozen=True)
class Tag:
    """A row."""

    id: int
    name: str
    created_ms: int


@dataclass(frozen=True)
class Version:
    """A row: what a session left of the files. state: "copying", "ready", or "failed" with a message."""

    seq: int
    notebook_id: str
    session_id: str
    state: str
    message: str
    files: int
    size_bytes: int
    created_ms: int


class NotebookBody(Body):
    """POST /notebooks, with Gradient's names."""

    name: Title = "My notebook"
    project_id: str
    machine_type: str
    container: ImageName = "notebook"
    command: Command | None = None
    environment: dict[EnvName, str] = Field(default_factory=dict)
    registry_username: OneLine = ""
    registry_password: Annotated[OneLine, Unseen] = Field(default="", repr=False)
    workspace: WorkspaceUrl = ""
    workspace_ref: GitRef = ""
    workspace_username: OneLine = ""
    workspace_password: Annotated[OneLine, Unseen] = Field(default="", repr=False)
    shutdown_timeout: Hours | None = None
    is_public: bool = False
    should_run_on_create: bool | None = (
        None  # an official client drops false: only a program of ours can say it
    )
    idle_timeout: Hours | None = None

    @classmethod
    def ignored(cls) -> frozenset[str]:
        return frozenset({"clusterId", "runtime"})


class SaveImageBody(Body):
    """POST /notebooks/{id}/image."""

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    ]


class SavedImageReply(Reply):
    """The image that is being made; `images details` says how that goes."""

    id: str
    name: str
    state: str


class StartBody(Body):
    """POST /notebooks/{id}/start."""

    machine_type: str = ""
    shutdown_timeout: Hours | None = None
    idle_timeout: Hours | None = None


class KeepBody(Body):
    """POST /notebooks/{id}/keep. hours: beyond its stop; None = until what it does is done."""

    hours: Annotated[float, Field(gt=0, le=168, allow_inf_nan=False)] | None = None


class RenameBody(Body):
    """PUT /notebooks/{id}."""

    name: Title


class ForkBody(Body):
    """POST /notebooks/{id}/fork. session: whose version of the files to take, the present ones if not given."""

    project_id: str
    name: Title | None = None
    session: str = ""

    @classmethod
    def ignored(cls) -> frozenset[str]:
        return frozenset({"clusterId"})


class TagBody(Body):
    """POST /notebooks/{id}/tags."""

    name: Title


class TagQuery(Query):
    """DELETE /notebooks/{id}/tags."""

    name: str = Field(max_length=100)


class TagsQuery(NumberedQuery):
    """GET /notebooks/{id}/tags."""

    order_by: Literal["dtCreated"] = "dtCreated"


class NotebookQuery(PageQuery):
    """Filters of the lists. tag: which it must have; several with commas between them."""

    name: str = ""
    state: str = ""
    tag: str = ""
    order_by: Literal["dtCreated", "name"] = "dtCreated"


class NotebookReply(Reply):
    """rest-v1 `Notebook`, and why it is in its state."""

    id: str
    name: str
    project_id: str
    state: str
    machine_type: str
    fqdn: str | None
    token: str | None = None
    notebook_repo_id: str | None = None
    workspace: str | None
    workspace_ref: str | None
    tags: list[str]
    shutdown_timeout: float | None
    is_public: bool
    share_url: str | None
    forked_from: str | None
    files_state: str | None
    files_message: str | None
    started_by_user: UserSummary
    dt_created: Time
    dt_modified: Time
    dt_started: MaybeTime
    idle_timeout: float | None
    dt_stops: MaybeTime
    stops_because: str | None
    dt_last_used: MaybeTime
    last_used_by: str | None


class TagReply(Reply):
    """A tag."""

    id: int
    name: str
    dt_created: Time


class VersionReply(Reply):
    """What a session left of the files."""

    session: str
    state: str
    message: str | None
    files: int
    size_bytes: int
    dt_created: Time


class SessionReply(Reply):
    """One time that it ran, or waits to."""

    id: str
    state: str
    reason: str | None
    message: str | None
    step: str | None
    wait_position: int | None
    wait_reason: str | None
    exit_code: int | None
    machine_type: str
    image_digest: str | None
