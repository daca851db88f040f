"""The team's page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from appliance import identity
from appliance.access import RANK
from appliance.context import Context
from appliance.errors import ApplianceError
from appliance.identity import ROLES, Member, Role
from appliance.web import forms
from appliance.web.pages import context, done, page
from appliance.web.status import status_of
from plugins_builtin.teams import service
from plugins_builtin.teams.specs import NewMemberBody, RoleForm

Errors = dict[str, str]


def blueprint() -> Blueprint:
    pages = Blueprint("teams", __name__, template_folder="templates")
    pages.add_url_rule("/team", "members", members)
    pages.add_url_rule("/team/members", "add", add, methods=["POST"])
    pages.add_url_rule("/team/members/<user_id>/role", "set_role", set_role, methods=["POST"])
    pages.add_url_rule("/team/members/<user_id>/remove", "remove", remove, methods=["POST"])
    return pages


def members() -> str:
    """Who is in the team one works in."""
    return _members({"user": "", "role": "member"}, {})


def _members(values: dict[str, str], errors: Errors, refused: str = "") -> str:
    ctx = context()
    found = service.members(ctx, ctx.principal.team_id)
    team = identity.team_by_id(ctx.db, ctx.principal.team_id)
    own = identity.role_in(ctx.db, team.id, ctx.principal.user_id) or "member"
    return page(
        "teams/members.html",
        f"Team {team.name}",
        live=False,
        team=team,
        members=[_shown(ctx, member, own) for member in found],
        can_manage=RANK[own] >= RANK["admin"],
        roles=_roles(own),
        values=values,
        errors=errors,
        refused=refused,
    )


def _roles(own: Role) -> list[Role]:
    """What somebody of this role may make others."""
    return [role for role in reversed(ROLES) if RANK[role] <= RANK[own]]


def _shown(ctx: Context, member: Member, own: Role) -> dict[str, Any]:
    return {
        "id": member.user.id,
        "user_name": member.user.handle,
        "role": member.role,
        "joined_ms": member.created_ms,
        "is_you": member.user.id == ctx.principal.user_id,
        "disabled": member.user.disabled,
        "can_change": RANK[own] >= RANK["admin"] and RANK[member.role] <= RANK[own],
    }


def add() -> Any:
    """Put somebody into the team."""
    ctx, values = context(), {key: request.form.get(key, "") for key in ("user", "role")}
    body, errors = forms.parse(NewMemberBody, values)
    if body is None:
        return _members(values, errors), 400
    try:
        member = service.add_member(ctx, ctx.principal.team_id, body.user, body.role)
    except ApplianceError as error:
        return _members(values, {"user": str(error)}), status_of(error)
    return done("/team", f"{member.user.handle} is in the team now.")


def set_role(user_id: str) -> Any:
    """Give a member another role, or say why not."""
    ctx = context()
    form, _ = forms.parse(RoleForm, request.form.to_dict())
    if form is None:
        return _members({"user": "", "role": "member"}, {}, "Choose one of the roles."), 400
    try:
        service.change_role(ctx, ctx.principal.team_id, user_id, form.role)
    except ApplianceError as error:
        return _refused(error)
    return done("/team", "Saved.")


def remove(user_id: str) -> Any:
    """Take a member out, or say why not."""
    ctx = context()
    try:
        member = service.remove_member(ctx, ctx.principal.team_id, user_id)
    except ApplianceError as error:
        return _refused(error)
    return done("/team", f"{member.user.handle} is out of the team.")


def _refused(error: ApplianceError) -> Any:
    return _members({"user": "", "role": "member"}, {}, str(error)), status_of(error)
