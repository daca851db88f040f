"""Who may do what. Membership is read at every check, so that losing it works at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from appliance import identity
from appliance.context import Context
from appliance.errors import Forbidden, NotFound, Unauthenticated
from appliance.identity import Role

RANK: Mapping[str, int] = {"member": 1, "admin": 2, "owner": 3}


@dataclass(frozen=True)
class Principal:
    """Somebody with a valid credential, or nobody.

    team_id: the team that lists and creations refer to. project_id: a workload's token works in this project only.
    credential: which session, key or workload it came by; what revocation looks at. by: which kind that is, "" for the
    appliance itself. A key works in its team only.
    """

    kind: Literal["user", "workload", "system", "nobody"]
    user_id: str = ""
    user_name: str = ""
    team_id: str = ""
    is_admin: bool = False
    project_id: str = ""
    credential: str = ""
    by: Literal["session", "key", "workload", ""] = ""


NOBODY = Principal("nobody")
SYSTEM = Principal("system", user_name="appliance")


def require_user(ctx: Context) -> Principal:
    """The principal, when there is one; else Unauthenticated."""
    if ctx.principal.kind == "nobody":
        raise Unauthenticated(
            "sign in first", hint="sign in, or send an API key as Authorization: Bearer <key>"
        )
    return ctx.principal


def require_session(ctx: Context) -> Principal:
    """The principal, when it is somebody at a browser: what a key or a workload must never do, such as making keys."""
    principal = require_user(ctx)
    if principal.by != "session":
        raise Forbidden("this is for a browser's session", hint="sign in at the page")
    return principal


def require(ctx: Context, permission: str, *, project_id: str = "", team_id: str = "") -> str:
    """Check a permission on a project, or on a team; returns the team's id.

    A stranger gets NotFound, not Forbidden: that something exists is its team's business.
    """
    principal = require_user(ctx)
    if project_id:
        team_id = identity.team_of_project(ctx.db, project_id)
    if principal.kind == "system":
        return team_id
    if principal.project_id and principal.project_id != project_id:
        raise NotFound("no such project", hint="this token works in one project only")
    if principal.by == "key" and principal.team_id != team_id:
        raise NotFound(
            "no such project" if project_id else "no such team",
            hint="this key works in one team only",
        )
    role = identity.role_in(ctx.db, team_id, principal.user_id)
    if role is None:
        raise NotFound(
            "no such project" if project_id else "no such team",
            hint="check the id, or ask a member of its team to add you",
        )
    if RANK[role] < RANK[needed_role(ctx, permission)]:
        raise Forbidden(
            f"{permission} needs the role {needed_role(ctx, permission)}", hint="ask a team admin"
        )
    return team_id


def require_admin(ctx: Context) -> Principal:
    """The principal, when it is an admin of the appliance; else Forbidden."""
    principal = require_user(ctx)
    if not principal.is_admin and principal.kind != "system":
        raise Forbidden("only an admin of this appliance may do that", hint="ask an admin")
    return principal


def needed_role(ctx: Context, permission: str) -> Role:
    """The least role that has a permission; a name that nobody declared is a programming error (KeyError)."""
    return ctx.registry.permissions[permission]
