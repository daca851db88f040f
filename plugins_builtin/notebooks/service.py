"""Use cases of notebooks."""

from __future__ import annotations

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
from appliance.runtime.spec import Login, Mount, Route, WorkloadSpec
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


@dataclass(frozen=True)
class Shown:
    """A notebook with its newest session, None before the first start."""

    notebook: Notebook
    session: Workload | None

    @property
    def state(self) -> str:
        return self.session.state if self.session else "stopped"

    @property
    def live(self) -> bool:
        return self.session is not None and self.session.live


def create(ctx: Context, project_id: str, spec: NotebookSpec, start_now: bool = True) -> Shown:
    """A new notebook, started or not: row, workload and event stand or fall together."""
    team_id = require(ctx, "notebooks.create", project_id=project_id)
    notebook_id = new_id("n")
    workload = workload_spec(ctx, notebook_id, spec, team_id)
    spec = spec.model_copy(update={"instance_type": workload.instance_type})
    with write(ctx.db) as db:
        team_id = identity.team_of_project(db, project_id)  # it may have been deleted meanwhile
        password = refs.keep(ctx, spec.registry_password)
        store.insert(db, notebook_id, project_id, spec, ctx.principal.user_id, password)
        _tell(ctx, db, "notebook.created", notebook_id, project_id, team_id)
        if start_now:
            _submit(ctx, db, store.get(db, notebook_id), workload, team_id)
    return get(ctx, notebook_id)


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
    notebook, team_id = _required(ctx, "notebooks.start", notebook_id)
    notebook = replace(
        notebook,
        shutdown_timeout_h=notebook.shutdown_timeout_h if timeout_h is None else timeout_h,
        idle_shutdown_h=notebook.idle_shutdown_h if idle_h is None else idle_h,
    )
    chosen = instance_type or notebook.instance_type
    workload = workload_spec(ctx, notebook_id, _spec_of(notebook, chosen), team_id)
    with write(ctx.db) as db:
        _required(ctx, "notebooks.start", notebook_id)  # again: it may have been deleted meanwhile
        store.set_instance_type(db, notebook_id, workload.instance_type)
        store.set_timeouts(db, notebook_id, notebook.shutdown_timeout_h, notebook.idle_shutdown_h)
        _submit(ctx, db, notebook, workload, team_id)
    return get(ctx, notebook_id)


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


def _submit(ctx: Context, db: Db, notebook: Notebook, spec: WorkloadSpec, team_id: str) -> None:
    if notebook.registry_username:
        login = Login(username=notebook.registry_username, password=notebook.registry_password)
        spec = spec.model_copy(update={"login": login})
    workload_id = workloads.submit(
        db, spec, owner_id=notebook.id, project_id=notebook.project_id, team_id=team_id,
        user_id=ctx.principal.user_id, label=notebook.name,
    )  # fmt: skip
    lifetime.begin(db, workload_id, notebook.shutdown_timeout_h, notebook.idle_shutdown_h)


def stop(ctx: Context, notebook_id: str) -> Shown:
    """Ask for its end; its files stay. Repeatable; nothing happens when it does not run."""
    notebook, _ = _required(ctx, "notebooks.stop", notebook_id)
    with write(ctx.db) as db:
        session = workloads.latest(db, [notebook.id]).get(notebook.id)
        if session:
            workloads.request_stop(db, session.id, f"stopped by {ctx.principal.user_name}")
    return get(ctx, notebook_id)


def keep(ctx: Context, notebook_id: str, hours: float | None = None) -> Shown:
    """Put off its auto-shutdown by hours, or until what it does is done (None). Conflict when it does not run."""
    notebook, _ = _required(ctx, "notebooks.keep", notebook_id)
    with write(ctx.db) as db:
        session = workloads.latest(db, [notebook.id]).get(notebook.id)
        if session is None:
            raise Conflict("it has not run yet", hint="start it first")
        lifetime.keep(db, session, hours)
    return get(ctx, notebook_id)


def save_image(ctx: Context, notebook_id: str, name: str) -> ImageShown:
    """Save what is installed in a running notebook, by apt-get as well, as an image of its team. Its files are not in it."""
    notebook, _ = _required(ctx, "notebooks.save_image", notebook_id)
    session = workloads.latest(ctx.db, [notebook.id]).get(notebook.id)
    if session is None:
        raise Conflict(f"{notebook.name} has never run", hint="start it first")
    return images.save(ctx, session.id, name, f"Saved from the notebook {notebook.name}")


def move(ctx: Context, notebook_id: str, project_id: str) -> Shown:
    """Put it into another project of its team; Conflict while it runs, since it works with its project's token."""
    notebook, team_id = _required(ctx, "notebooks.move", notebook_id)
    if require(ctx, "notebooks.move", project_id=project_id) != team_id:
        raise Refused("that project is another team's", hint="files stay with their team")
    with write(ctx.db) as db:
        _refuse_live(db, notebook)
        store.move(db, notebook_id, project_id)
        workloads.move_owner(db, notebook_id, project_id)
        _tell(ctx, db, "notebook.moved", notebook_id, project_id, team_id)
    return get(ctx, notebook_id)


def take_out(ctx: Context, notebook_id: str, project_id: str) -> Shown:
    """Out of a project, into the team's one for what is in no other."""
    notebook, team_id = _required(ctx, "notebooks.move", notebook_id)
    if notebook.project_id != project_id:
        raise store.not_found()
    return move(ctx, notebook_id, projects.unsorted(ctx, team_id).id)


def _refuse_live(db: Db, notebook: Notebook) -> None:
    newest = workloads.latest(db, [notebook.id]).get(notebook.id)
    if newest is not None and newest.live:
        raise Conflict(f"{notebook.name} is {newest.state}", hint="stop it first")


def delete(ctx: Context, notebook_id: str) -> Shown:
    """Delete it with its files, logs and sessions; Conflict while it runs."""
    notebook, team_id = _required(ctx, "notebooks.delete", notebook_id)
    shown = get(ctx, notebook_id)
    remove(ctx, notebook, team_id)
    return shown


def remove(ctx: Context, notebook: Notebook, team_id: str) -> None:
    """Delete row and files, permission checked before; Conflict while it runs. Repeatable.

    The files go in the supervisor's time.
    """
    with write(ctx.db) as db:
        _refuse_live(db, notebook)
        store.mark_deleted(db, notebook.id)
        refs.forget(db, notebook.registry_password)
        for area in ("notebooks", "envs"):
            tasks.add(db, "files.remove_area", team_id=team_id, area=area, name=notebook.id)
        for session in workloads.history(db, notebook.id, limit=-1):
            tasks.add(db, "logs.remove", workload_id=session.id)
        _tell(ctx, db, "notebook.deleted", notebook.id, notebook.project_id, team_id)


def get(ctx: Context, notebook_id: str) -> Shown:
    notebook, _ = _required(ctx, "notebooks.get", notebook_id)
    return Shown(notebook, workloads.latest(ctx.db, [notebook.id]).get(notebook.id))


def page(ctx: Context, query: NotebookQuery, project_id: str = "") -> Page[Shown]:
    """Notebooks of a project, or of the principal's team. A filter by state may make pages shorter than asked."""
    project_id = project_id or ctx.principal.project_id
    team_id = require(ctx, "notebooks.list", project_id=project_id, team_id=ctx.principal.team_id)
    found = store.find(
        ctx.db, team_id=team_id, project_id=project_id, name=query.name, after=query.after,
        limit=query.limit + 1, newest_first=query.order == "desc", by_name=query.order_by == "name",
    )  # fmt: skip
    part = page_of(found, query.limit, lambda notebook: notebook.id)
    sessions = workloads.latest(ctx.db, [notebook.id for notebook in part.items])
    shown = [Shown(notebook, sessions.get(notebook.id)) for notebook in part.items]
    if query.state:
        wanted = query.state.lower()
        shown = [
            s for s in shown if wanted in (s.state, states.API_NOTEBOOK_STATES[s.state].lower())
        ]
    return Page(shown, part.next_page)


def search(ctx: Context, text: str, limit: int) -> list[Hit]:
    """Notebooks of the principal's team by a part of the name."""
    found = page(ctx, NotebookQuery(name=text, limit=limit)).items
    return [
        Hit(shown.notebook.name, f"/notebooks/{shown.notebook.id}", "notebook", shown.state)
        for shown in found
    ]


def sessions(ctx: Context, notebook_id: str) -> list[Workload]:
    """Every time it ran, newest first."""
    notebook, _ = _required(ctx, "notebooks.get", notebook_id)
    return workloads.history(ctx.db, notebook.id)


def session_log(ctx: Context, notebook_id: str, workload_id: str) -> Workload:
    """The session whose log may be read; NotFound when it is another notebook's."""
    notebook, _ = _required(ctx, "notebooks.logs", notebook_id)
    for session in workloads.history(ctx.db, notebook.id, limit=-1):
        if session.id == workload_id:
            return session
    raise NotFound("no such session")


def files_of(ctx: Context, notebook_id: str) -> tuple[Notebook, str]:
    """The notebook whose files may be read, and its team."""
    return _required(ctx, "notebooks.files", notebook_id)


def owner_name(ctx: Context, notebook: Notebook) -> str:
    return identity.user_by_id(ctx.db, notebook.created_by).handle


def _required(ctx: Context, permission: str, notebook_id: str) -> tuple[Notebook, str]:
    require_user(ctx)
    notebook = store.get(ctx.db, notebook_id)
    try:
        return notebook, require(ctx, permission, project_id=notebook.project_id)
    except NotFound:  # in the same words as if it did not exist: which does is its team's business
        raise store.not_found() from None


def _tell(ctx: Context, db: Db, name: str, notebook_id: str, project_id: str, team_id: str) -> None:
    emit(
        db,
        name,
        subject=notebook_id,
        project_id=project_id,
        team_id=team_id,
        actor=ctx.principal.user_id,
    )
