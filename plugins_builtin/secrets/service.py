"""Use cases of secrets.

Members list and use the secrets of their team and its projects, and set those of projects, in which they run programs
that could print any of them. What holds for all projects of a team is set by its admins, what holds for all teams by
admins of the appliance. Programs themselves get what their spec names and can list or change nothing.
"""

from __future__ import annotations

import re

from appliance import identity, vault
from appliance.access import require, require_admin, require_user
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import Conflict, Invalid, NotFound, Refused
from appliance.events import emit
from appliance.plugins import RefScope
from appliance.schema import Page, PageQuery, page_of
from plugins_builtin.secrets import store
from plugins_builtin.secrets.specs import CLUSTER, NAME_PATTERN, Place, Secret

EPHEMERAL = "ephemeral"
PURPOSE = "secret"
KEEP_EXPIRED_MS = 24 * 3600 * 1000  # so that a program that comes too late is told why


def page(ctx: Context, place: Place, query: PageQuery) -> Page[Secret]:
    """The secrets of a place, without their values."""
    place = _readable(ctx, place)
    found = store.of_owner(
        ctx.db, place.scope, place.owner_id, query.after, query.limit + 1, query.order == "desc"
    )
    return page_of(found, query.limit, lambda secret: secret.name)


def get(ctx: Context, place: Place, name: str) -> Secret:
    place = _readable(ctx, place)
    return _existing(ctx.db, place, name)


def create(ctx: Context, place: Place, name: str, value: str) -> Secret:
    """Conflict when there is one of this name."""
    place = writable(ctx, place)
    with write(ctx.db) as db:
        if store.find(db, place.scope, place.owner_id, name):
            raise Conflict(
                f"there is a secret {name} already", hint="give that one a new value instead"
            )
        store.insert(db, place.scope, place.owner_id, name, _seal(ctx, value))
        _tell(ctx, db, "secret.created", place, name)
    return _existing(ctx.db, place, name)


def update(ctx: Context, place: Place, name: str, value: str) -> Secret:
    """A new value for programs that start from now on; NotFound when there is none of this name."""
    place = writable(ctx, place)
    with write(ctx.db) as db:
        secret = _existing(db, place, name)
        vault.drop(db, secret.vault_id)
        store.set_value(db, secret.seq, _seal(ctx, value))
        _tell(ctx, db, "secret.changed", place, name)
    return _existing(ctx.db, place, name)


def put(ctx: Context, place: Place, name: str, value: str) -> Secret:
    """A value for this name, whether there was one or not. Invalid for what can't be a name."""
    place = writable(ctx, place)
    if not re.fullmatch(NAME_PATTERN, name):  # it stood in the address, where no model checked it
        raise Invalid(
            f"{name[:128]!r} can't be a secret's name",
            hint="use letters, digits, _ . and -, at most 128 of them; . and - not at its beginning",
        )
    known = store.find(ctx.db, place.scope, place.owner_id, name)
    return (update if known else create)(ctx, place, name, value)


def delete(ctx: Context, place: Place, name: str) -> Secret:
    """Forget name and value; programs that run keep what they got."""
    place = writable(ctx, place)
    with write(ctx.db) as db:
        secret = _existing(db, place, name)
        _remove(db, secret)
        _tell(ctx, db, "secret.deleted", place, name)
    return secret


def create_ephemeral(ctx: Context, name: str, value: str, seconds: int) -> Secret:
    """A value for the principal's own programs in their team, for so long; before all other secrets of this name."""
    team_id = require(ctx, "secrets.ephemeral", team_id=ctx.principal.team_id)
    owner_id, until = _owner(team_id, ctx.principal.user_id), ctx.clock.now_ms() + seconds * 1000
    with write(ctx.db) as db:
        known = store.find(db, EPHEMERAL, owner_id, name)
        if known:
            _remove(db, known)
        store.insert(db, EPHEMERAL, owner_id, name, _seal(ctx, value, until), until)
    found = store.find(ctx.db, EPHEMERAL, owner_id, name)
    assert found is not None
    return found


def resolve(ctx: Context, name: str, scope: RefScope) -> str:
    """The value that `secret:NAME` stands for: of the project before the appliance's before the team's."""
    owners = [(EPHEMERAL, _owner(scope.team_id, scope.user_id))] if scope.user_id else []
    owners += [("project", scope.project_id)] if scope.project_id else []
    owners += [(CLUSTER.scope, CLUSTER.owner_id), ("team", scope.team_id)]
    found = [store.find(ctx.db, kind, owner, name) for kind, owner in owners]
    for secret in found:
        if secret and not _expired(ctx, secret):
            return vault.read(ctx.db, ctx.keys, PURPOSE, secret.vault_id)
    if any(found):
        raise Refused(f"the ephemeral secret {name[:128]!r} has expired", hint="set it again")
    places = ["the project"] if scope.project_id else []
    places += ["the cluster", f"the team {identity.team_by_id(ctx.db, scope.team_id).name}"]
    raise Refused(
        f"there is no secret {name[:128]!r} in {', '.join(places[:-1])} or {places[-1]}",
        hint="set it on the project's page Secrets, or correct the name",
    )


def forget_project(ctx: Context, project_id: str) -> None:
    """Delete the secrets of a project that was deleted. Repeatable."""
    with write(ctx.db) as db:
        for secret in store.of_owner(db, "project", project_id):
            _remove(db, secret)


def prune(ctx: Context) -> None:
    """Forget what expired a day ago; the values went before."""
    with write(ctx.db) as db:
        store.delete_expired(db, ctx.clock.now_ms() - KEEP_EXPIRED_MS)


def _readable(ctx: Context, place: Place) -> Place:
    if place.scope == "cluster":
        require_user(ctx)
        return CLUSTER
    return _required(ctx, "secrets.list", place)


def writable(ctx: Context, place: Place) -> Place:
    """The place, when this principal may change its secrets; else Forbidden or NotFound."""
    if place.scope == "cluster":
        require_admin(ctx)
        return CLUSTER
    return _required(ctx, f"secrets.set_{place.scope}", place)


def _required(ctx: Context, permission: str, place: Place) -> Place:
    if place.scope == "project":
        require(ctx, permission, project_id=place.owner_id)
        return place
    named = identity.team_by_namespace(ctx.db, place.owner_id)  # as official clients name a team
    team_id = named.id if named else place.owner_id
    return Place("team", require(ctx, permission, team_id=team_id))


def _existing(db: Db, place: Place, name: str) -> Secret:
    found = store.find(db, place.scope, place.owner_id, name)
    if found is None:
        raise NotFound(f"there is no secret {name[:128]!r} here", hint="list those there are")
    return found


def _seal(ctx: Context, value: str, expires_ms: int | None = None) -> str:
    if "\0" in value:
        raise Invalid("a secret can't contain a NUL character")
    return vault.put(ctx.db, ctx.keys, PURPOSE, value, expires_ms)


def _remove(db: Db, secret: Secret) -> None:
    vault.drop(db, secret.vault_id)
    store.delete(db, secret.seq)


def _expired(ctx: Context, secret: Secret) -> bool:
    return secret.expires_ms is not None and secret.expires_ms <= ctx.clock.now_ms()


def _owner(team_id: str, user_id: str) -> str:
    return f"{team_id}/{user_id}"


def _tell(ctx: Context, db: Db, event: str, place: Place, name: str) -> None:
    project_id = place.owner_id if place.scope == "project" else None
    team_id = identity.team_of_project(db, project_id) if project_id else place.owner_id
    emit(
        db, event, subject=place.owner_id, project_id=project_id,
        team_id=None if place.scope == "cluster" else team_id, actor=ctx.principal.user_id,
        secret=name, scope=place.scope,
    )  # fmt: skip
