"""What a workload gets that nobody else may see: the worker looks it up and seals it, the supervisor opens it.

Each workload has copies of its own: it runs with what its user meant when it was queued, whatever is changed or deleted
meanwhile, and its log is masked by what it really got.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance import vault
from appliance.context import Context
from appliance.crypto import Keys
from appliance.db import Db, write
from appliance.errors import NotFound
from appliance.plugins.contracts import RefScope
from appliance.runtime import logs, refs, workloads
from appliance.runtime.backend import PullLogin
from appliance.runtime.spec import WorkloadSpec
from appliance.runtime.workloads import Workload

_PURPOSE = "workload "


@dataclass(frozen=True)
class Hidden:
    """env: by the name of the variable. password: for the registry of its image. workspace: the password of its server."""

    env: Mapping[str, str] = field(repr=False)
    password: str = field(repr=False)
    workspace: str = field(default="", repr=False)


def look_up(ctx: Context, workload: Workload, spec: WorkloadSpec) -> Hidden:
    """All that a spec refers to. Refused when something is not there."""
    scope = RefScope(workload.team_id, workload.project_id, workload.user_id)
    referring = {name: text for name, text in spec.env.items() if refs.find(ctx, text)}
    return Hidden(
        {name: refs.value(ctx, text, scope) for name, text in referring.items()},
        refs.kept(ctx, spec.login.password, scope) if spec.login else "",
        refs.kept(ctx, spec.workspace.password, scope) if spec.workspace else "",
    )


def seal(db: Db, keys: Keys, workload_id: str, spec: WorkloadSpec, hidden: Hidden) -> WorkloadSpec:
    """The spec with ids in the place of references. Call inside `write`."""

    def put(text: str) -> str:
        return vault.put(db, keys, _PURPOSE + workload_id, text)

    login, workspace = spec.login, spec.workspace
    word = put(hidden.workspace) if hidden.workspace else ""
    return spec.model_copy(
        update={
            "env": {name: text for name, text in spec.env.items() if name not in hidden.env},
            "secret_env": {name: put(text) for name, text in hidden.env.items()},
            "login": login and login.model_copy(update={"password": put(hidden.password)}),
            "workspace": workspace and workspace.model_copy(update={"password": word}),
        }
    )


def env(db: Db, keys: Keys, workload: Workload) -> dict[str, str]:
    """The variables of a final workload. Refused for a value that was sealed for another one."""
    ids = workload.final.secret_env
    return {name: _read(db, keys, workload, value_id) for name, value_id in ids.items()}


def pull_login(db: Db, keys: Keys, workload: Workload) -> PullLogin | None:
    """Who a final workload is for the registry of its image, None for nobody."""
    login = workload.final.login
    if login is None:
        return None
    return PullLogin(login.username, _read(db, keys, workload, login.password))


def workspace_password(db: Db, keys: Keys, workload: Workload) -> str:
    """The password of a final workload's workspace, "" without one."""
    workspace = workload.final.workspace
    known = workspace is not None and workspace.password
    return _read(db, keys, workload, known) if known else ""


def _read(db: Db, keys: Keys, workload: Workload, value_id: str) -> str:
    return vault.read(db, keys, _PURPOSE + workload.id, value_id)


def forget_ended(ctx: Context) -> None:
    """Drop the copies of workloads that ended, as soon as their logs are complete."""
    for purpose in vault.purposes(ctx.db, _PURPOSE):
        workload_id = purpose.removeprefix(_PURPOSE)
        if _ended(ctx.db, workload_id) and not logs.growing(ctx.config.paths.logs / workload_id):
            with write(ctx.db) as db:
                vault.drop_purpose(db, purpose)


def _ended(db: Db, workload_id: str) -> bool:
    try:
        return not workloads.get(db, workload_id).live
    except NotFound:
        return True
