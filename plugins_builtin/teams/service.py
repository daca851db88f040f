"""Use cases of teams. The tables are the core's (identity.py), since access rests on them."""

from __future__ import annotations

from appliance import identity, sessions
from appliance.access import require, require_admin
from appliance.context import Context
from appliance.db import write
from appliance.errors import NotFound, Refused
from appliance.events import emit
from appliance.identity import Member, Role, Team, User
from appliance.plugins import Hit
from appliance.schema import Page, PageQuery, UserSummary
from plugins_builtin.teams.specs import MemberBody, TeamMember


def ensure_team(ctx: Context, namespace: str, name: str) -> Team:
    """The team of this namespace, made if it is new."""
    require_admin(ctx)
    with write(ctx.db) as db:
        found = identity.team_by_namespace(db, namespace)
        if found:
            return found
        team = identity.add_team(db, namespace, name)
        emit(db, "team.created", subject=team.id, team_id=team.id, actor=ctx.principal.user_id)
    return team


def team_named(ctx: Context, namespace: str) -> Team:
    """NotFound with the names there are."""
    found = identity.team_by_namespace(ctx.db, namespace)
    if found is None:
        names = ", ".join(team.namespace for team in identity.teams(ctx.db))
        raise NotFound(f"there is no team {namespace!r}", hint=f"teams: {names or 'none yet'}")
    return found


def add_user(ctx: Context, handle: str, email: str, is_admin: bool, team: Team, role: Role) -> User:
    """A new user in a team. Signing in needs a password or another provider's account besides."""
    require_admin(ctx)
    with write(ctx.db) as db:
        user = identity.add_user(db, handle, email, is_admin)
        identity.set_member(db, team.id, user.id, role)
        emit(db, "user.created", subject=user.id, team_id=team.id, actor=ctx.principal.user_id)
    return user


def set_role(ctx: Context, team_id: str, user_id: str, role: Role) -> None:
    """Add a member or change a role; the last owner of a team stays owner."""
    require(ctx, "teams.set_role", team_id=team_id)
    with write(ctx.db) as db:
        _keep_an_owner(identity.members(db, team_id), user_id, role)
        identity.set_member(db, team_id, user_id, role)
        emit(
            db,
            "team.member_changed",
            subject=user_id,
            team_id=team_id,
            actor=ctx.principal.user_id,
            role=role,
        )


def remove_member(ctx: Context, team_id: str, user_id: str) -> TeamMember:
    """Take somebody out of a team: pages, API and open notebooks close within seconds."""
    require(ctx, "teams.remove_member", team_id=team_id)
    with write(ctx.db) as db:
        members = identity.members(db, team_id)
        gone = next((member for member in members if member.user.id == user_id), None)
        if gone is None:
            raise NotFound("no such member")
        _keep_an_owner(members, user_id, None)
        identity.remove_member(db, team_id, user_id)
        emit(
            db, "team.member_removed", subject=user_id, team_id=team_id, actor=ctx.principal.user_id
        )
    return _shown(gone)


def _keep_an_owner(members: list[Member], user_id: str, role: Role | None) -> None:
    owners = {member.user.id for member in members if member.role == "owner"}
    if owners == {user_id} and role != "owner":
        raise Refused("a team needs an owner", hint="make somebody else owner first")


def members(ctx: Context, team_id: str) -> list[Member]:
    """Everybody in a team, by name."""
    require(ctx, "teams.members", team_id=team_id)
    return identity.members(ctx.db, team_id)


def search(ctx: Context, text: str, limit: int) -> list[Hit]:
    """Members of the principal's team; for an admin of the appliance teams and all users."""
    wanted = text.lower()
    team = identity.team_by_id(ctx.db, ctx.principal.team_id)
    if ctx.principal.is_admin:
        people = [Hit(user.handle, "/team", "user", user.email) for user in identity.users(ctx.db)]
        teams = [Hit(one.name, "/team", "team", one.namespace) for one in identity.teams(ctx.db)]
    else:
        found = members(ctx, team.id)
        people = [Hit(one.user.handle, "/team", "member", one.role) for one in found]
        teams = [Hit(team.name, "/team", "team", team.namespace)]
    hits = [hit for hit in (*people, *teams) if wanted in f"{hit.title} {hit.detail}".lower()]
    return hits[:limit]


def list_members(ctx: Context, team_id: str, query: PageQuery) -> Page[TeamMember]:
    """rest-v1 teamMemberships-listByTeamId."""
    return Page([_shown(member) for member in members(ctx, team_id)])


def update_member(ctx: Context, team_id: str, user_id: str, body: MemberBody) -> TeamMember:
    """rest-v1: make a member admin, or not."""
    require(ctx, "teams.set_role", team_id=team_id)
    role = identity.role_in(ctx.db, team_id, user_id)
    if role is None:
        raise NotFound("no such member")
    if role != "owner":
        set_role(ctx, team_id, user_id, "admin" if body.is_admin else "member")
    return next(_shown(member) for member in members(ctx, team_id) if member.user.id == user_id)


def disable_user(ctx: Context, user_id: str, disabled: bool) -> None:
    """Shut a user out at once, or let them in again; nothing of theirs is deleted."""
    require_admin(ctx)
    with write(ctx.db) as db:
        identity.set_disabled(db, user_id, disabled)
        sessions.end_all(db, user_id)


def _shown(member: Member) -> TeamMember:
    return TeamMember(
        user=UserSummary(id=member.user.id, email=member.user.email),
        is_admin=member.role in ("admin", "owner"),
        is_owner=member.role == "owner",
        dt_confirmed=member.created_ms,
    )
