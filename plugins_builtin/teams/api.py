"""Teams at the API."""

from __future__ import annotations

from appliance.context import Context
from appliance.identity import Member
from appliance.plugins import PEOPLE, ApiResource, Verb
from appliance.schema import Page, UserSummary
from plugins_builtin.teams import service
from plugins_builtin.teams.specs import (
    MemberBody,
    MemberQuery,
    NewMemberBody,
    TeamMember,
    TeamMembership,
)


def shown(member: Member) -> TeamMember:
    return TeamMember(
        user=UserSummary(id=member.user.id, email=member.user.email),
        is_admin=member.role in ("admin", "owner"),
        is_owner=member.role == "owner",
        dt_confirmed=member.created_ms,
    )


def _membership(member: Member, deleted_ms: int | None = None) -> TeamMembership:
    return TeamMembership(
        is_admin=member.role in ("admin", "owner"),
        is_owner=member.role == "owner",
        dt_confirmed=member.created_ms,
        dt_deleted=deleted_ms,
    )


def _list(ctx: Context, team_id: str, query: MemberQuery) -> Page[TeamMember]:
    return service.page(ctx, team_id, query, query.role).map(shown)


def _add(ctx: Context, team_id: str, body: NewMemberBody) -> TeamMember:
    return shown(service.add_member(ctx, team_id, body.user, body.role))


def _update(ctx: Context, team_id: str, user_id: str, body: MemberBody) -> TeamMembership:
    return _membership(service.make_admin(ctx, team_id, user_id, body.is_admin))


def _remove(ctx: Context, team_id: str, user_id: str) -> TeamMembership:
    return _membership(service.remove_member(ctx, team_id, user_id), ctx.clock.now_ms())


TEAMS = ApiResource(
    "teams",
    id_prefix="te",
    spec=TeamMember,
    title="Teams",
    words="teams members",
    columns=("user.id", "user.email", "isAdmin", "isOwner", "dtConfirmed"),
    permissions={"teams.set_owner": "owner"},
    verbs=(
        Verb(
            "members", "GET", "/teams/{team_id}/users", _list, query=MemberQuery, by=PEOPLE,
            summary="Members of a team", words="teams members list",
        ),
        Verb(
            "add_member", "POST", "/teams/{team_id}/users", _add, body=NewMemberBody, role="admin", by=PEOPLE,
            summary="Put somebody who has an account here into a team", words="teams members add",
        ),
        Verb(
            "set_role", "PUT", "/teams/{team_id}/users/{user_id}", _update, body=MemberBody,
            role="admin", by=PEOPLE, summary="Make a member admin, or not",
        ),
        Verb(
            "remove_member", "DELETE", "/teams/{team_id}/users/{user_id}", _remove, role="admin",
            by=PEOPLE, summary="Take somebody out of a team", words="teams members remove",
        ),
    ),
)  # fmt: skip
