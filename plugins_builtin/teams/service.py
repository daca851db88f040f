"""Use cases of teams. The tables are the core's (identity.py), since access rests on them."""

from __future__ import annotations

from appliance import api_keys, identity, sessions
from appliance.access import require, require_admin, require_user
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import Conflict, NotFound, Refused
from appliance.events import emit
from appliance.identity import Member, Role, Team, User
from appliance.plugins import Hit
from appliance.schema import NumberedQuery, Page, page_of


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


def add_member(ctx: Context, team_id: str, name: str, role: Role) -> Member:
    """Put somebody who has an account into a team, by name or id; Conflict for a member."""
    require(ctx, "teams.add_member", team_id=team_id)
    user = user_named(ctx, name)
    if any(member.user.id == user.id for member in identity.members(ctx.db, team_id)):
        raise Conflict(f"{user.handle} is in this team already", hint="change the role instead")
    set_role(ctx, team_id, user.id, role)
    return member(ctx, team_id, user.id)


def user_named(ctx: Context, name: str) -> User:
    """By name or id; NotFound says who makes accounts."""
    require_user(ctx)
    for user in identity.users(ctx.db):
        if name in (user.id, user.handle):
            return user
    raise NotFound(
        f"there is no user {name[:100]!r}", hint="an admin of this appliance can add one first"
    )


def set_role(ctx: Context, team_id: str, user_id: str, role: Role) -> None:
    """Add a member or change a role. Only owners make and unmake owners; the last one stays."""
    require(ctx, "teams.set_role", team_id=team_id)
    with write(ctx.db) as db:
        _guard_owners(ctx, identity.members(db, team_id), team_id, user_id, role)
        identity.set_member(db, team_id, user_id, role)
        emit(
            db, "team.member_changed", subject=user_id, team_id=team_id, actor=ctx.principal.user_id,
            role=role,
        )  # fmt: skip


def change_role(ctx: Context, team_id: str, user_id: str, role: Role) -> None:
    """Of somebody who is in the team; NotFound for others."""
    require(ctx, "teams.set_role", team_id=team_id)
    member(ctx, team_id, user_id)
    set_role(ctx, team_id, user_id, role)


def remove_member(ctx: Context, team_id: str, user_id: str) -> Member:
    """Take somebody out of a team: pages, API, keys and open notebooks close within seconds.

    Their sessions go on in another team of theirs, if there is one.
    """
    require(ctx, "teams.remove_member", team_id=team_id)
    with write(ctx.db) as db:
        gone = member(ctx, team_id, user_id)
        _guard_owners(ctx, identity.members(db, team_id), team_id, user_id, None)
        identity.remove_member(db, team_id, user_id)
        api_keys.remove_all(db, team_id, user_id)
        for other in identity.teams_of(db, user_id)[:1]:
            sessions.move(db, user_id, team_id, other.id)
        emit(
            db, "team.member_removed", subject=user_id, team_id=team_id, actor=ctx.principal.user_id
        )
    return gone


def _guard_owners(
    ctx: Context, members: list[Member], team_id: str, user_id: str, role: Role | None
) -> None:
    owners = {member.user.id for member in members if member.role == "owner"}
    if (user_id in owners) == (role == "owner"):
        return
    require(ctx, "teams.set_owner", team_id=team_id)
    if owners == {user_id}:
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
        people = [
            Hit(user.handle, "/admin/users", "user", user.email) for user in identity.users(ctx.db)
        ]
        teams = [Hit(one.name, "/team", "team", one.namespace) for one in identity.teams(ctx.db)]
    else:
        found = members(ctx, team.id)
        people = [Hit(one.user.handle, "/team", "member", one.role) for one in found]
        teams = [Hit(team.name, "/team", "team", team.namespace)]
    hits = [hit for hit in (*people, *teams) if wanted in f"{hit.title} {hit.detail}".lower()]
    return hits[:limit]


def member(ctx: Context, team_id: str, user_id: str) -> Member:
    """One of them; NotFound."""
    for found in members(ctx, team_id):
        if found.user.id == user_id:
            return found
    raise NotFound("no such member")


def page(ctx: Context, team_id: str, query: NumberedQuery, role: str = "") -> Page[Member]:
    """Members of a team in the order in which they joined, of one role if given."""
    require(ctx, "teams.members", team_id=team_id)
    found = identity.find_members(
        ctx.db, team_id, role=role, after=query.position, limit=query.limit + 1,
        newest_first=query.order == "desc",
    )  # fmt: skip
    return page_of(found, query.limit, lambda member: str(member.seq))


def make_admin(ctx: Context, team_id: str, user_id: str, is_admin: bool) -> Member:
    """Make a member admin of the team, or not; an owner stays owner."""
    require(ctx, "teams.set_role", team_id=team_id)
    if member(ctx, team_id, user_id).role != "owner":
        set_role(ctx, team_id, user_id, "admin" if is_admin else "member")
    return member(ctx, team_id, user_id)


def set_appliance_admin(ctx: Context, user_id: str, is_admin: bool) -> None:
    """Let a user administer the appliance, or not any more; one who can stays."""
    require_admin(ctx)
    with write(ctx.db) as db:
        _keep_an_admin(db, user_id, is_admin)
        identity.set_admin(db, user_id, is_admin)
        emit(db, "user.changed", subject=user_id, actor=ctx.principal.user_id, is_admin=is_admin)


def disable_user(ctx: Context, user_id: str, disabled: bool) -> None:
    """Shut a user out at once, or let them in again; nothing of theirs is deleted."""
    require_admin(ctx)
    with write(ctx.db) as db:
        _keep_an_admin(db, user_id, not disabled)
        identity.set_disabled(db, user_id, disabled)
        sessions.end_all(db, user_id)
        emit(db, "user.changed", subject=user_id, actor=ctx.principal.user_id, disabled=disabled)


def _keep_an_admin(db: Db, user_id: str, stays: bool) -> None:
    """NotFound for an unknown user; Refused when the last admin would not stay one."""
    identity.user_by_id(db, user_id)
    admins = {user.id for user in identity.users(db) if user.is_admin and not user.disabled}
    if admins == {user_id} and not stays:
        raise Refused("this is the only admin of the appliance", hint="make another one first")
