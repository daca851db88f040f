"""What a workload asks for. Frozen, parsed at the edge, stored as JSON, checked again by the supervisor."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from appliance.schema import told

Area = Literal["notebooks", "envs", "storage", "work"]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]*$", max_length=255)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{3,31}$")]
GATEWAY_SOCKET = "app.sock"
EnvName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"),
    told("A variable's name has letters, digits and _, and begins with no digit"),
]
# No user in it, no local path, no other transport, nothing that git or a shell takes for an option.
WORKSPACE_URL = r"^https?://[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]*/[!-~]*$"
GIT_REF = r"^([A-Za-z0-9_][A-Za-z0-9._/+@-]*)?$"
PlainText = StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f\x7f]+$")


class Frozen(BaseModel):
    """Base of all specs: immutable, unknown fields refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mount(Frozen):
    """A directory of the appliance's own, named by area and id; never a path of the host."""

    area: Area
    name: Name
    target: AbsolutePath
    read_only: bool = False


class Resources(Frozen):
    """What one container may use. cpu_milli: thousandths of a core."""

    cpu_milli: int = Field(ge=10, le=1_024_000)
    memory_mib: int = Field(ge=16, le=16_777_216)
    shm_mib: int = Field(default=64, ge=1, le=1_048_576)
    pids: int = Field(default=4096, ge=16, le=1_000_000)
    devices: int = Field(default=0, ge=0, le=64)


class Route(Frozen):
    """How the gateway reaches the container: a unix socket that the program inside listens on.

    kind: first path segment at the gateway ("n" for notebooks). target: the id behind it.
    socket: file name inside the workload's socket directory; under another than GATEWAY_SOCKET connections are not kept.
    ready_path: answers 200 once it works.
    permission: what a principal needs on the workload's project.
    """

    kind: Literal["n"]
    target: Name
    socket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{1,20}$")] = GATEWAY_SOCKET
    ready_path: AbsolutePath
    permission: str


class Login(Frozen):
    """For the registry that an image is pulled from.

    password: a reference or a sealed value, as `refs.kept` gives it; in a final spec the id of a value that was sealed
    for this workload. Never a password.
    """

    username: Annotated[str, PlainText]
    password: Annotated[str, PlainText]


class Workspace(Frozen):
    """What a directory of the appliance's own is filled with before the first start: a git repository, or a notebook.

    name: of a mount in the area of notebooks. password: as in Login.
    """

    name: Name
    url: Annotated[str, StringConstraints(pattern=WORKSPACE_URL, max_length=2000)]
    ref: Annotated[str, StringConstraints(pattern=GIT_REF, max_length=250)] = ""
    username: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)] = (
        ""
    )
    password: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)] = (
        ""
    )


class WorkloadSpec(Frozen):
    """One container's wish. `${SOCKET}` in command or env stands for the socket's path inside.

    secret_env: of a final spec, ids of values in the vault: what `env` referred to.
    """

    kind: Literal["notebook", "job", "replica"]
    image: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$")]
    command: tuple[str, ...] = ()
    env: dict[EnvName, str] = Field(default_factory=dict)
    secret_env: dict[EnvName, Name] = Field(default_factory=dict)
    login: Login | None = None
    workspace: Workspace | None = None
    mounts: tuple[Mount, ...] = ()
    workdir: AbsolutePath = "/"
    instance_type: str
    resources: Resources
    route: Route | None = None
    ready_timeout_s: int = Field(default=120, ge=1, le=86_400)
    pull_timeout_s: int = Field(default=1800, ge=1, le=86_400)
    stop_timeout_s: int = Field(default=10, ge=0, le=300)


class SpecPatch(Frozen):
    """What a plugin may add to a workload: nothing that is there already."""

    env: dict[EnvName, str] = Field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    login: Login | None = None
    labels: dict[str, str] = Field(default_factory=dict)
