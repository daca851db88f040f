"""Forks: a new notebook with the files of another one, as they are or as a past session left them."""

from __future__ import annotations

from appliance import identity, settings
from appliance.access import require, require_user
from appliance.context import Context
from appliance.db import write
from appliance.errors import Conflict
from appliance.runtime import tasks
from appliance.runtime.limits import FORK_MIB
from plugins_builtin.notebooks import service, sharing, store
from plugins_builtin.notebooks.service import Shown
from plugins_builtin.notebooks.specs import Notebook, NotebookSpec

MOST_NAME = 100


def fork(
    ctx: Context, notebook_id: str, project_id: str, name: str = "", session_id: str = ""
) -> Shown:
    """A new notebook, not started, in a project of the principal's; its files come in the supervisor's time.

    session_id: whose version to take, which is for the team alone; else the files as they are, of any notebook that the
    principal may look at. NotFound, Forbidden, Conflict when that version is not there.
    """
    original = source(ctx, notebook_id)
    team_id = require(ctx, "notebooks.create", project_id=project_id)
    from_team = identity.team_of_project(ctx.db, original.project_id)
    place = {"from_area": "notebooks", "from_name": original.id}
    if session_id:
        place = _version(ctx, original, session_id)
    most_mib = settings.get(ctx.db, FORK_MIB)
    with write(ctx.db) as db:
        made, _, _ = service.add(
            ctx, db, project_id, _spec(original, name, from_team == team_id),
            forked_from=original.id, files_state="copying",
        )  # fmt: skip
        tasks.add(
            db, "files.copy", team_id=team_id, area="notebooks", name=made.id, from_team=from_team, **place,
            most_mib=most_mib, rules=not session_id,
        )  # fmt: skip
    return service.get(ctx, made.id)


def source(ctx: Context, notebook_id: str) -> Notebook:
    """What may be forked; NotFound for what the principal may not look at."""
    require_user(ctx)
    found = store.get(ctx.db, notebook_id)
    if not sharing.may_view(ctx, found):
        raise store.not_found()
    return found


def name_of(original: Notebook) -> str:
    """What a fork is called unless somebody says otherwise."""
    return f"Fork of {original.name}"[:MOST_NAME]


def _version(ctx: Context, original: Notebook, session_id: str) -> dict[str, str]:
    service.required(ctx, "notebooks.versions", original.id)
    version = store.version(ctx.db, original.id, session_id)
    if version.state != "ready":
        raise Conflict(
            f"this version is {version.state}: {version.message}".rstrip(": "),
            hint="choose another version",
        )
    return {"from_area": "versions", "from_name": session_id}


def _spec(original: Notebook, name: str, same_team: bool) -> NotebookSpec:
    """What a fork is: variables may hold what only its team may know, and passwords always do."""
    return NotebookSpec(
        name=name or name_of(original),
        image=original.image,
        instance_type=original.instance_type,
        command=original.command,
        environment=original.environment if same_team else {},
        workspace=original.workspace,
        workspace_ref=original.workspace_ref,
        shutdown_timeout_h=original.shutdown_timeout_h,
    )
