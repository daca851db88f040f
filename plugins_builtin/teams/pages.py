"""The team's page."""

from __future__ import annotations

from flask import Blueprint

from appliance import identity
from appliance.web.pages import context, page
from plugins_builtin.teams import service


def blueprint() -> Blueprint:
    pages = Blueprint("teams", __name__, template_folder="templates")
    pages.add_url_rule("/team", "members", members)
    return pages


def members() -> str:
    """Who is in the team one works in."""
    ctx = context()
    team = identity.team_by_id(ctx.db, ctx.principal.team_id)
    shown = [
        {
            "name": member.user.handle,
            "email": member.user.email,
            "role": member.role,
            "since_ms": member.created_ms,
            "disabled": member.user.disabled,
        }
        for member in service.members(ctx, team.id)
    ]
    return page("teams/members.html", f"Team {team.name}", live=False, team=team, members=shown)
