"""Signing in by programs, and the session, at the API."""

from __future__ import annotations

from appliance import identity
from appliance.access import NOBODY
from appliance.context import Context
from appliance.identity import Role, Team
from appliance.plugins import ApiResource, Verb
from plugins_builtin.account import service
from plugins_builtin.account.specs import (
    LoginBody,
    LoginReply,
    Membership,
    MembershipTeam,
    Session,
    SessionTeam,
    SessionUser,
)
from plugins_builtin.auth_password import service as passwords


def _login(ctx: Context, body: LoginBody) -> LoginReply:
    key, text = service.login(ctx, body)
    return LoginReply(
        key=text,
        id=key.id,
        team=identity.team_by_id(ctx.db, key.team_id).namespace,
        user=identity.user_by_id(ctx.db, key.user_id).handle,
    )


def _session(ctx: Context) -> Session | None:
    if ctx.principal is NOBODY:
        return None
    user, team = service.who(ctx), identity.team_by_id(ctx.db, ctx.principal.team_id)
    return Session(
        team=SessionTeam(id=team.id, namespace=team.namespace, analytics_id=team.slot),
        user=SessionUser(
            id=user.id,
            email=user.email,
            dt_created=user.created_ms,
            dt_confirmed=user.created_ms,
            is_password_auth_enabled=passwords.has_password(ctx, user),
            team_memberships=[_membership(*found) for found in service.memberships(ctx)],
        ),
    )


def _membership(team: Team, role: Role) -> Membership:
    return Membership(
        is_admin=role in ("admin", "owner"),
        is_owner=role == "owner",
        team=MembershipTeam(
            id=team.id, name=team.name, namespace=team.namespace, dt_created=team.created_ms
        ),
    )


AUTH = ApiResource(
    "auth",
    id_prefix="",
    spec=Session,
    title="Signing in",
    verbs=(
        Verb(
            "login", "POST", "/auth/login", _login, body=LoginBody, access="public",
            summary="New API key for user and password",
        ),
        Verb(
            "session", "GET", "/auth/session", _session, access="public",
            summary="Team and user of this credential; null without one",
        ),
    ),
)  # fmt: skip
