"""Use cases: a key for a password, and who somebody is."""

from __future__ import annotations

from appliance import identity
from appliance.access import require_user
from appliance.api_keys import ApiKey
from appliance.context import Context
from appliance.db import write
from appliance.errors import NotFound, Refused
from appliance.identity import Role, Team, User
from plugins_builtin.account.specs import LoginBody
from plugins_builtin.api_keys import service as api_keys
from plugins_builtin.auth_password import service as passwords


def login(ctx: Context, body: LoginBody) -> tuple[ApiKey, str]:
    """A new API key for user and password, and its text; limited like signing in at the page."""
    form = {"user": body.user, "password": body.password}
    user_id = passwords.sign_in(ctx, form, ctx.address)
    with write(ctx.db) as db:
        team = _chosen(identity.teams_of(db, user_id), body.team)
        return api_keys.issue(db, user_id, team.id, body.key_name, body.expires_in_days)


def _chosen(teams: list[Team], wanted: str) -> Team:
    if not teams:
        raise Refused("you are in no team yet", hint="ask an admin to add you to one")
    for team in teams:
        if wanted in ("", team.namespace, team.id):
            return team
    names = ", ".join(team.namespace for team in teams)
    raise NotFound(f"you are in no team {wanted!r}", hint=f"your teams: {names}")


def who(ctx: Context) -> User:
    """The user behind the principal."""
    return identity.user_by_id(ctx.db, require_user(ctx).user_id)


def memberships(ctx: Context) -> list[tuple[Team, Role]]:
    """The user's teams that this credential may see: a session all of them, others their own."""
    principal = require_user(ctx)
    found = []
    for team in identity.teams_of(ctx.db, principal.user_id):
        role = identity.role_in(ctx.db, team.id, principal.user_id)
        if role and (principal.by == "session" or team.id == principal.team_id):
            found.append((team, role))
    return found
