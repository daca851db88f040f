"""What plugins contribute: frozen descriptions that the core reads after boot. No behaviour here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if (
    TYPE_CHECKING
):  # what the callables get; importing it would make this layer depend on the ones above
    from flask import Blueprint
    from pydantic import BaseModel

    from appliance.context import Context

API_VERSION = 1


@dataclass(frozen=True)
class PluginInfo:
    """Who a plugin is. requires: plugins that must be there, whose `service` it may import.

    version: for a plugin in a file; that of a package is the package's.
    """

    name: str
    title: str
    requires: tuple[str, ...] = ()
    api_version: int = API_VERSION
    version: str = ""


@dataclass(frozen=True)
class Setting:
    """A live value an admin may change. bounds: least and greatest, None = open. secret: never shown."""

    key: str
    type: type[str] | type[int] | type[float] | type[bool]
    default: Any
    help: str
    bounds: tuple[float | None, float | None] = (None, None)
    secret: bool = False


Role = Literal["owner", "admin", "member"]
Credential = Literal["session", "key", "workload"]
EVERYBODY: tuple[Credential, ...] = ("session", "key", "workload")
PEOPLE: tuple[Credential, ...] = ("session", "key")


@dataclass(frozen=True)
class Verb:
    """One operation on a resource: a route, a command, a method of the SDK and a permission.

    run(ctx, **path ids, body=…, query=…): its return annotation says what it answers, a `Reply`, `Page[Reply]`,
    `list[Reply]` or `LogPart`.
    path: below /v1, such as "/notebooks/{notebook_id}/start". body, query: models parsed at the edge, or None.
    access: who gets in: anybody ("public"), whoever has a credential ("user"), members of the team with at least `role`
    ("team"), admins of the appliance ("admin"). by: with which kinds of credential.
    permission: `<resource>.<verb>` unless another is named; the service checks it.
    words: the command and the method; the resource's words and the verb's name if not given.
    until: values of the answer's `state` in which what this begins is over, the wanted one first: clients can wait for it.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    run: Callable[..., Any]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    permission: str = ""
    role: Role = "member"
    access: Literal["public", "user", "team", "admin"] = "team"
    by: tuple[Credential, ...] = EVERYBODY
    summary: str = ""
    words: str = ""
    until: tuple[str, ...] = ()


@dataclass(frozen=True)
class ApiResource:
    """A noun of the API: what can be done with it.

    words: how commands begin ("projects tags"); its name if not given. columns: what tables show, names of the reply's
    fields; the first simple ones if not given. permissions: further ones that its services check, with the least role
    that has each.
    """

    name: str
    id_prefix: str
    spec: type[BaseModel]
    verbs: tuple[Verb, ...]
    permissions: Mapping[str, Role] = field(default_factory=dict)
    title: str = ""
    words: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tab:
    """A tab of a project. endpoint: a Flask endpoint that takes project_id; order: left to right."""

    title: str
    endpoint: str
    order: int


@dataclass(frozen=True)
class NavItem:
    """A line of the site's navigation. icon: a name in the icon sprite."""

    title: str
    endpoint: str
    icon: str
    order: int
    admin: bool = False


@dataclass(frozen=True)
class Pages:
    """HTML pages: a blueprint with its own templates, what it adds to the navigation and to a project.

    blueprint: what makes it, or where that is, as "package.module:function"; only web looks there, and the other
    processes need not load what pages need.
    """

    blueprint: Callable[[], Blueprint] | str
    nav: tuple[NavItem, ...] = ()
    tabs: tuple[Tab, ...] = ()


@dataclass(frozen=True)
class Panel:
    """A box on another page: a URL that htmx loads, so that a broken plugin breaks its own box only.

    slot: "home", or "gauge" for the one line in the top bar.
    """

    slot: Literal["home", "gauge"]
    title: str
    endpoint: str
    order: int = 50


@dataclass(frozen=True)
class InstanceType:
    """A size that a workload can have."""

    name: str
    cpu_milli: int
    memory_mib: int
    gpus: int = 0
    gpu_kind: str = ""


@dataclass(frozen=True)
class Image:
    """An image of the catalogue: by reference, or by a recipe that is built here.

    recipe: folder with a Containerfile, or with a mmdebstrap recipe. parent: name of the image it is built on.
    purposes: "notebook", "job", … command: argv to start it with; ${…} as in WorkloadSpec. aliases: repositories, such as
    "bash", for whose images it stands in where no registry has them. on_demand: built when somebody wants it first,
    not when the appliance starts. contents: what is inside, in words that people look for.
    """

    name: str
    title: str
    description: str
    purposes: tuple[str, ...]
    ref: str = ""
    recipe: Path | None = None
    parent: str = ""
    command: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    on_demand: bool = False
    contents: tuple[str, ...] = ()


@dataclass(frozen=True)
class RefScope:
    """For whom a reference is looked up. project_id, user_id: "" where a team as a whole refers to something."""

    team_id: str
    project_id: str = ""
    user_id: str = ""


@dataclass(frozen=True)
class RefKind:
    """What `<name>:<rest>` as a whole value of a spec stands for; the name in lower or upper case.

    resolve(ctx, rest, scope) -> the value, which is sealed at once and never shown. Refused says where it was looked for
    and what to do; its user reads that.
    """

    name: str
    resolve: Callable[[Context, str, RefScope], str]


@dataclass(frozen=True)
class AuthProvider:
    """A way to sign in.

    begin(ctx, form) -> URL to go to, or None when the form is all it needs.
    finish(ctx, form, address) -> id of the user; Unauthenticated with a text that helps no attacker.
    """

    name: str
    label: str
    begin: Callable[[Context, Mapping[str, str]], str | None]
    finish: Callable[[Context, Mapping[str, str], str], str]


@dataclass(frozen=True)
class Loop:
    """Something done again and again by the worker. run(ctx) is one turn; it must be repeatable."""

    name: str
    every_s: float
    run: Callable[[Context], None]


@dataclass(frozen=True)
class SetupStep:
    """What a new appliance needs before its first start; repeatable. Returns what to tell the admin."""

    name: str
    run: Callable[[Context, Mapping[str, str]], Mapping[str, str]]


@dataclass(frozen=True)
class Hit:
    """Something found. url: a path on this site; kind: one word, such as "notebook"; detail: what tells it from others."""

    title: str
    url: str
    kind: str
    detail: str = ""


@dataclass(frozen=True)
class Searchable:
    """Something that the search box looks through.

    find(ctx, text, limit) -> at most `limit` hits, the best first, and only what ctx.principal may see. Called at every
    pause in typing: keep it to one query.
    """

    name: str
    find: Callable[[Context, str, int], Sequence[Hit]]
