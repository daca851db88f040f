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
    found = service.members(ctx, ctx.principal.team_id)
    team = identity.team_by_id(ctx.db, ctx.principal.team_id)
    shown = [
        {
            "user_name": member.user.handle,
            "role": member.role,
            "joined_ms": member.created_ms,
            "is_you": member.user.id == ctx.principal.user_id,
        }
        for member in found
    ]
    return page("teams/members.html", f"Team {team.name}", live=False, team=team, members=shown)
