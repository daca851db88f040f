"""Use cases of registries. Members see them and pull with them; admins of the team add, change and try them."""

from __future__ import annotations

from dataclasses import replace

from appliance import settings
from appliance.access import require, require_user
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import ApplianceError, Conflict, Invalid, NotFound
from appliance.events import emit
from appliance.ids import new_id
from appliance.plugins import RefScope
from appliance.runtime import refs
from appliance.runtime.spec import Login, SpecPatch
from appliance.runtime.workloads import Workload
from appliance.schema import Page, PageQuery, page_of
from plugins_builtin.container_registries import signin, store
from plugins_builtin.container_registries.exchange import Allowed
from plugins_builtin.container_registries.specs import (
    LOOPBACK,
    Registry,
    RegistryBody,
    RegistryChange,
    Tested,
)


def page(ctx: Context, query: PageQuery) -> Page[Registry]:
    """Registries of the principal's team."""
    team_id = require(ctx, "container_registries.list", team_id=ctx.principal.team_id)
    found = store.of_team(ctx.db, team_id, query.after, query.limit + 1, query.order == "desc")
    return page_of(found, query.limit, lambda registry: registry.id)


def get(ctx: Context, registry_id: str) -> Registry:
    return _required(ctx, "container_registries.get", registry_id)


def create(ctx: Context, body: RegistryBody) -> Registry:
    """A registry of the principal's team; Conflict when the name is taken."""
    team_id = require(ctx, "container_registries.create", team_id=ctx.principal.team_id)
    registry_id = new_id("cr")
    with write(ctx.db) as db:
        _check_name(db, team_id, body.name, registry_id)
        store.insert(db, registry_id, team_id, body, refs.keep(ctx, body.password))
        _tell(ctx, db, "container_registry.created", registry_id, team_id)
    return store.get(ctx.db, registry_id)


def update(ctx: Context, registry_id: str, body: RegistryChange) -> Registry:
    """Change what is given. For images that are pulled from now on.

    Invalid for another address without its password: the old one would go to whoever answers there.
    """
    _required(ctx, "container_registries.update", registry_id)
    with write(ctx.db) as db:
        registry = store.get(db, registry_id)
        given = body.model_dump(exclude_none=True)
        changed = replace(registry, **given)
        if body.password is not None:
            refs.forget(db, registry.password)
            changed = replace(changed, password=refs.keep(ctx, body.password))
        elif changed.address != registry.address:  # a password is for whom it was typed for
            raise Invalid("another address needs the password anew", hint="give the password, too")
        _check_name(db, registry.team_id, changed.name, registry_id)
        store.update(db, changed)
        _tell(ctx, db, "container_registry.changed", registry_id, registry.team_id)
    return store.get(ctx.db, registry_id)


def delete(ctx: Context, registry_id: str) -> Registry:
    """Forget it with its password; images that are here stay."""
    registry = _required(ctx, "container_registries.delete", registry_id)
    with write(ctx.db) as db:
        refs.forget(db, registry.password)
        store.delete(db, registry_id)
        _tell(ctx, db, "container_registry.deleted", registry_id, registry.team_id)
    return registry


def test(ctx: Context, registry_id: str) -> Tested:
    """Sign in there now. Blocks for as long as the registry takes, a few seconds at most."""
    registry = _required(ctx, "container_registries.test", registry_id)
    try:
        password = refs.kept(ctx, registry.password, RefScope(registry.team_id))
        allowed = Allowed(ctx.config.pool, settings.get(ctx.db, LOOPBACK))
        signin.try_sign_in(registry.address, registry.username, password, allowed)
    except (ApplianceError, signin.SignInFailed) as error:
        return Tested(success=False, error=str(error))
    return Tested(success=True)


def login_for(ctx: Context, workload: Workload) -> SpecPatch | None:
    """The sign-in of the registry that a workload's image is named after, unless it brings one of its own.

    Of several the one with the longest namespace, the newest of those.
    """
    if workload.spec.login is not None:
        return None
    found = [r for r in store.of_team(ctx.db, workload.team_id) if r.holds(workload.spec.image)]
    if not found:
        return None
    best = max(found, key=lambda registry: (len(registry.namespace), registry.seq))
    return SpecPatch(login=Login(username=best.username, password=best.password))


def may_change(ctx: Context) -> bool:
    """Whether this principal may add and change registries of its team."""
    try:
        require(ctx, "container_registries.create", team_id=ctx.principal.team_id)
    except ApplianceError:
        return False
    return True


def _required(ctx: Context, permission: str, registry_id: str) -> Registry:
    require_user(ctx)
    registry = store.get(ctx.db, registry_id)
    try:
        require(ctx, permission, team_id=registry.team_id)
    except NotFound:  # in the same words as if it did not exist
        raise store.not_found() from None
    return registry


def _check_name(db: Db, team_id: str, name: str, registry_id: str) -> None:
    known = store.named(db, team_id, name)
    if known is not None and known.id != registry_id:
        raise Conflict(f"there is a registry {name} already", hint="choose another name")


def _tell(ctx: Context, db: Db, name: str, registry_id: str, team_id: str) -> None:
    emit(db, name, subject=registry_id, team_id=team_id, actor=ctx.principal.user_id)
