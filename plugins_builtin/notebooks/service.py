"""Use cases of notebooks."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from appliance import identity
from appliance.access import require, require_user
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import Conflict, Invalid, NotFound, Refused
from appliance.events import emit
from appliance.ids import new_id
from appliance.plugins import Hit
from appliance.runtime import refs, states, tasks, workloads
from appliance.runtime.spec import Login, Mount, Route, WorkloadSpec, Workspace
from appliance.runtime.workloads import Workload
from appliance.schema import Page, page_of
from plugins_builtin.images import service as images
from plugins_builtin.images.service import Shown as ImageShown
from plugins_builtin.instance_types import service as instance_types
from plugins_builtin.notebooks import lifetime, store
from plugins_builtin.notebooks.specs import Notebook, NotebookQuery, NotebookSpec
from plugins_builtin.projects import service as projects

KIND: Literal["n"] = "n"  # the gateway's first path segment
OPEN = "notebooks.open"
ENV_TARGET = "/opt/env"  # where images look for a place that keeps what users install
TOKEN_BYTES = 18
MOST_AT_ONCE = 500
PASSWORDS = ("registry_password", "workspace_password")


@dataclass(frozen=True)
class Shown:
    """A notebook with its newest session, None before the first start."""

    notebook: Notebook
    session: Workload | None
    tags: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        return self.session.state if self.session else "stopped"

    @property
    def live(self) -> bool:
        return self.session is not None and self.session.live


def create(ctx: Context, project_id: str, spec: NotebookSpec, start_now: bool = True) -> Shown:
    """A new notebook, started or not: row, workload and event stand or fall together."""
    with write(ctx.db) as db:
        notebook, workload, team_id = add(ctx, db, project_id, spec)
        if start_now:
            _submit(ctx, db, notebook, workload, team_id)
    return get(ctx, notebook.id)


def add(
    ctx: Context, db: Db, project_id: str, spec: NotebookSpec, **more: str
) -> tuple[Notebook, WorkloadSpec, str]:
    """The row of a new notebook, what to run for it, and its team. more: columns that the spec does not have."""
    team_id = require(ctx, "notebooks.create", project_id=project_id)
    notebook_id = new_id("n")
    workload = workload_spec(ctx, notebook_id, spec, team_id)
    spec = spec.model_copy(update={"instance_type": workload.instance_type})
    team_id = identity.team_of_project(db, project_id)  # it may have been deleted meanwhile
    columns = {name: refs.keep(ctx, getattr(spec, name)) for name in PASSWORDS} | more
    if spec.is_public:
        columns["share_token"] = new_token()
    store.insert(db, notebook_id, project_id, spec, ctx.principal.user_id, columns)
    tell(ctx, db, "notebook.created", notebook_id, project_id, team_id)
    return store.get(db, notebook_id), workload, team_id


def new_token() -> str:
    """What makes a public address that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def workload_spec(ctx: Context, notebook_id: str, spec: NotebookSpec, team_id: str) -> WorkloadSpec:
    """What to run for a notebook. Invalid for an unknown instance type or an image without a command."""
    kind = instance_types.find(ctx, spec.instance_type)
    image = ctx.registry.images.get(spec.image)
    base_url = f"/{KIND}/{notebook_id}/"
    if spec.command:
        command: tuple[str, ...] = ("/bin/sh", "-c", spec.command)
    elif image is None or image.command:
        # an image by reference is taken to have JupyterLab on its PATH, as Gradient's custom containers do
        command = image.command if image else ctx.registry.images["notebook"].command
    else:
        raise Invalid(
            f"the image {spec.image} can't run a notebook", hint="choose another, or give a command"
        )
    return WorkloadSpec(
        kind="notebook",
        image=images.reference(ctx, team_id, spec.image),
        command=tuple(text.replace("${BASE_URL}", base_url) for text in command),
        env={"BASE_URL": base_url, "SOCKET_PATH": "${SOCKET}", **spec.environment},
        mounts=(
            Mount(area="notebooks", name=notebook_id, target="/notebooks"),
            Mount(area="envs", name=notebook_id, target=ENV_TARGET),
        ),
        workdir="/notebooks",
        instance_type=kind.name,
        resources=instance_types.resources_of(kind),
        route=Route(kind=KIND, target=notebook_id, ready_path=f"{base_url}api", permission=OPEN),
    )


def start(
    ctx: Context,
    notebook_id: str,
    instance_type: str = "",
    timeout_h: float | None = None,
    idle_h: float | None = None,
) -> Shown:
    """Start it again, with what is given changed from now on; Conflict while it runs or waits."""
    notebook, team_id = required(ctx, "notebooks.start", notebook_id)
    chosen = instance_type or notebook.instance_type
    workload = workload_spec(ctx, notebook_id, _spec_of(notebook, chosen), team_id)
    with write(ctx.db) as db:
        notebook, _ = required(ctx, "notebooks.start", notebook_id)  # as it is now, if it still is
        _refuse_without_files(notebook)
        notebook = replace(
            notebook,
            shutdown_timeout_h=notebook.shutdown_timeout_h if timeout_h is None else timeout_h,
            idle_shutdown_h=notebook.idle_shutdown_h if idle_h is None else idle_h,
        )
        store.set_instance_type(db, notebook_id, workload.instance_type)
        store.set_timeouts(db, notebook_id, notebook.shutdown_timeout_h, notebook.idle_shutdown_h)
        _submit(ctx, db, notebook, workload, team_id)
    return get(ctx, notebook_id)


def _refuse_without_files(notebook: Notebook) -> None:
    if notebook.files_state == "copying":
        raise Conflict("its files are still being copied", hint="try again in a moment")
    if notebook.files_state == "failed":
        raise Conflict(
            f"its files could not be copied: {notebook.files_message}",
            hint="delete it, then fork again",
        )


def _spec_of(notebook: Notebook, instance_type: str) -> NotebookSpec:
    return NotebookSpec(
        name=notebook.name,
        image=notebook.image,
        instance_type=instance_type,
        command=notebook.command,
        environment=notebook.environment,
        shutdown_timeout_h=notebook.shutdown_timeout_h,
        idle_shutdown_h=notebook.idle_shutdown_h,
    )


def _submit(
    ctx: Context, db: Db, notebook: Notebook, spec: WorkloadSpec, team_id: str, owner_id: str = ""
) -> None:
    if notebook.registry_username:
        login = Login(username=notebook.registry_username, password=notebook.registry_password)
        spec = spec.model_copy(update={"login": login})
    if notebook.workspace:
        workspace = Workspace(
            name=notebook.id, url=notebook.workspace, ref=notebook.workspace_ref,
            username=notebook.workspace_username, password=notebook.workspace_password,
        )  # fmt: skip
        spec = spec.model_copy(update={"workspace": workspace})
    workload_id = workloads.submit(
        db, spec, owner_id=owner_id or notebook.id, project_id=notebook.project_id, team_id=team_id,
        user_id=ctx.principal.user_id, label=notebook.name,
    )  # fmt: skip
    if owner_id:  # a job ends by itself, however long it takes
        return
    lifetime.begin(db, workload_id, notebook.shutdown_timeout_h, notebook.idle_shutdown_h)


def rename(ctx: Context, notebook_id: str, name: str) -> Shown:
    """Another name, running or not."""
    notebook, team_id = required(ctx, "notebooks.update", notebook_id)
    with write(ctx.db) as db:
        store.rename(db, notebook_id, name)
        tell(ctx, db, "notebook.renamed", notebook_id, notebook.project_id, team_id)
    return get(ctx, notebook_id)


def submit_job(
    ctx: Context, db: Db, notebook: Notebook, team_id: str, owner_id: str, command: tuple[str, ...], instance_type: str
) -> None:  # fmt: skip
    """Another program in the notebook's image, with its files and environment. Inside `write`; rights are checked."""
    kind = instance_type or notebook.instance_type
    spec = workload_spec(ctx, notebook.id, _spec_of(notebook, kind), team_id)
    changes = {"kind": "job", "command": command, "route": None, "env": notebook.environment}
    _submit(ctx, db, notebook, spec.model_copy(update=changes), team_id, owner_id)


def stop(ctx: Context, notebook_id: str) -> Shown:
    """Ask for its end; its files stay. Repeatable; nothing happens when it does not run."""
    notebook, _ = required(ctx, "notebooks.stop", notebook_id)
    with write(ctx.db) as db:
        session = workloads.latest(db, [notebook.id]).get(notebook.id)
        if session:
            workloads.request_stop(db, session.id, f"stopped by {ctx.principal.user_name}")
    return get(ctx, notebook_id)


def keep(ctx: Context, notebook_id: str, hours: float | None = None) -> Shown:
    """Put off its auto-shutdown by hours, or until what it does is done (None). Conflict when it does not run."""
    notebook, _ = required(ctx, "notebooks.keep", notebook_id)
    with write(ctx.db) as db:
        session = workloads.latest(db, [notebook.id]).get(notebook.id)
        if session is None:
            raise Conflict("it has not run yet", hint="start it first")
        lifetime.keep(db, session, hours)
    return get(ctx, notebook_id)


def save_image(ctx: Context, notebook_id: str, name: str) -> ImageShown:
    """Save what is installed in a running notebook, by apt-get as well, as an image of its team. Its files are not in it."""
    notebook, _ = required(ctx, "notebooks.save_image", notebook_id)
    session = workloads.latest(ctx.db, [notebook.id]).get(notebook.id)
    if session is None:
        raise Conflict(f"{notebook.name} has never run", hint="start it first")
    return images.save(ctx, session.id, name, f"Saved from the notebook {notebook.name}")


def move(ctx: Context, notebook_id: str, project_id: str) -> Shown:
    """Put it into another project of its team; Conflict while it runs, since it works with its project's token."""
    notebook, team_id = required(ctx, "notebooks.move", notebook_id)
    if require(ctx, "notebooks.move", project_id=project_id) != team_id:
        raise Refused("that project is another team's", hint="files stay with their team")
    with write(ctx.db) as db:
        _refuse_live(db, notebook)
        store.move(db, notebook_id, project_id)
        workloads.move_owner(db, notebook_id, project_id)
        tell(ctx, db, "notebook.moved", notebook_id, project_id, team_id)
    return get(ctx, notebook_id)


def take_out(ctx: Context, notebook_id: str, project_id: str) -> Shown:
    """Out of a project, into the team's one for what is in no other."""
    notebook, team_id = required(ctx, "notebooks.move", notebook_id)
    if notebook.project_id != project_id:
        raise store.not_found()
    return move(ctx, notebook_id, projects.unsorted(ctx, team_id).id)


def _refuse_live(db: Db, notebook: Notebook) -> None:
    newest = workloads.latest(db, [notebook.id]).get(notebook.id)
    if newest is not None and newest.live:
        raise Conflict(f"{notebook.name} is {newest.state}", hint="stop it first")


def delete(ctx: Context, notebook_id: str) -> Shown:
    """Delete it with its files, logs and sessions; Conflict while it runs."""
    notebook, team_id = required(ctx, "notebooks.delete", notebook_id)
    shown = get(ctx, notebook_id)
    remove(ctx, notebook, team_id)
    return shown


def remove(ctx: Context, notebook: Notebook, team_id: str) -> None:
    """Delete row and files, permission checked before; Conflict while it runs. Repeatable.

    The files go in the supervisor's time.
    """
    with write(ctx.db) as db:
        _refuse_live(db, notebook)
        if store.is_being_forked(db, notebook.id):
            raise Conflict("a fork of it is being made", hint="try again in a moment")
        store.mark_deleted(db, notebook.id)
        for name in PASSWORDS:
            refs.forget(db, getattr(notebook, name))
        for area in ("notebooks", "envs"):
            tasks.add(db, "files.remove_area", team_id=team_id, area=area, name=notebook.id)
        for session in workloads.history(db, notebook.id, limit=-1):
            tasks.add(db, "logs.remove", workload_id=session.id)
        for version in store.versions(db, notebook.id):
            store.drop_version(db, version.session_id)
            tasks.add(
                db, "files.remove_area", team_id=team_id, area="versions", name=version.session_id
            )
        tell(ctx, db, "notebook.deleted", notebook.id, notebook.project_id, team_id)


def get(ctx: Context, notebook_id: str) -> Shown:
    notebook, _ = required(ctx, "notebooks.get", notebook_id)
    return _shown(ctx, [notebook])[0]


def _shown(ctx: Context, notebooks: Sequence[Notebook]) -> list[Shown]:
    ids = [notebook.id for notebook in notebooks]
    sessions, tags = workloads.latest(ctx.db, ids), store.tag_names(ctx.db, ids)
    return [
        Shown(notebook, sessions.get(notebook.id), tuple(tags.get(notebook.id, ())))
        for notebook in notebooks
    ]


def page(ctx: Context, query: NotebookQuery, project_id: str = "") -> Page[Shown]:
    """Notebooks of a project, or of the principal's team."""
    project_id = project_id or ctx.principal.project_id
    team_id = require(ctx, "notebooks.list", project_id=project_id, team_id=ctx.principal.team_id)
    matching = (
        shown
        for shown in _all(ctx, query, team_id, project_id)
        if not query.state or query.state.lower() in names_of(shown.state)
    )
    return page_of(
        list(itertools.islice(matching, query.limit + 1)),
        query.limit,
        lambda shown: shown.notebook.id,
    )


def names_of(state: str) -> tuple[str, str]:
    """What a state is called here and in rest-v1, in lower case."""
    return state, states.API_NOTEBOOK_STATES[state].lower()


def _all(ctx: Context, query: NotebookQuery, team_id: str, project_id: str) -> Iterator[Shown]:
    """All behind the query's cursor, read in parts: a state is known only from the newest workload."""
    after, size = query.after, query.limit + 1
    tags = [name.strip() for name in query.tag.split(",") if name.strip()]
    while True:
        found = store.find(
            ctx.db, team_id=team_id, project_id=project_id, name=query.name, tags=tags, after=after,
            limit=size, newest_first=query.order == "desc", by_name=query.order_by == "name",
        )  # fmt: skip
        yield from _shown(ctx, found)
        if len(found) < size:
            return
        after, size = found[-1].id, MOST_AT_ONCE


def search(ctx: Context, text: str, limit: int) -> list[Hit]:
    """Notebooks of the principal's team by a part of the name."""
    found = page(ctx, NotebookQuery(name=text, limit=limit)).items
    return [
        Hit(shown.notebook.name, f"/notebooks/{shown.notebook.id}", "notebook", shown.state)
        for shown in found
    ]


def sessions(ctx: Context, notebook_id: str) -> list[Workload]:
    """Every time it ran, newest first."""
    notebook, _ = required(ctx, "notebooks.get", notebook_id)
    return workloads.history(ctx.db, notebook.id)


def session_log(ctx: Context, notebook_id: str, workload_id: str) -> Workload:
    """The session whose log may be read; NotFound when it is another notebook's."""
    notebook, _ = required(ctx, "notebooks.logs", notebook_id)
    for session in workloads.history(ctx.db, notebook.id, limit=-1):
        if session.id == workload_id:
            return session
    raise NotFound("no such session")


def files_of(ctx: Context, notebook_id: str) -> tuple[Notebook, str]:
    """The notebook whose files may be read, and its team."""
    return required(ctx, "notebooks.files", notebook_id)


def owner_name(ctx: Context, notebook: Notebook) -> str:
    return identity.user_by_id(ctx.db, notebook.created_by).handle


def required(ctx: Context, permission: str, notebook_id: str) -> tuple[Notebook, str]:
    require_user(ctx)
    notebook = store.get(ctx.db, notebook_id)
    try:
        return notebook, require(ctx, permission, project_id=notebook.project_id)
    except NotFound:  # in the same words as if it did not exist: which does is its team's business
        raise store.not_found() from None


def tell(ctx: Context, db: Db, name: str, notebook_id: str, project_id: str, team_id: str) -> None:
    emit(
        db,
        name,
        subject=notebook_id,
        project_id=project_id,
        team_id=team_id,
        actor=ctx.principal.user_id,
    )
