"""Tokens of workloads: derived, not stored, and good exactly as long as the workload lives."""

from __future__ import annotations

from appliance.access import NOBODY, Principal
from appliance.crypto import Keys
from appliance.db import Db
from appliance.errors import NotFound
from appliance.runtime import workloads

PREFIX = "wt-"
PURPOSE = "workload-token"


def workload_token(keys: Keys, workload_id: str) -> str:
    """`wt-<workload id>-<43 characters>`."""
    return f"{PREFIX}{workload_id}-{keys.mac(PURPOSE, workload_id)}"


def workload_principal(db: Db, keys: Keys, token: str) -> Principal:
    """Whom a token stands for: its workload, in its project only; NOBODY when it is wrong or the workload ended."""
    workload_id, _, mac = token.removeprefix(PREFIX).partition("-")
    if not token.startswith(PREFIX) or not keys.check(PURPOSE, workload_id, mac):
        return NOBODY
    return live_workload(db, workload_id)


def live_workload(db: Db, workload_id: str) -> Principal:
    """A workload as principal, in its project only; NOBODY when there is none of this id or it ended."""
    try:
        workload = workloads.get(db, workload_id)
    except NotFound:
        return NOBODY
    if not workload.live:
        return NOBODY
    return Principal(
        "workload",
        user_id=workload.user_id,
        user_name=workload.label,
        team_id=workload.team_id,
        project_id=workload.project_id,
        credential=workload.id,
        by="workload",
    )
