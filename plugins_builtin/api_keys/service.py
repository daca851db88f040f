"""Use cases of API keys. The table is the core's (api_keys.py), since every request rests on it."""

from __future__ import annotations

from appliance import api_keys
from appliance.access import Principal, require, require_user
from appliance.api_keys import ApiKey
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import NotFound, Refused
from appliance.events import emit
from appliance.schema import Page, page_of
from plugins_builtin.api_keys.specs import ApiKeyBody, ApiKeyQuery

DAY_MS = 24 * 3600 * 1000
MOST_KEYS = 100
MANAGE = "api_keys.manage"  # everybody's keys in a team


def create(ctx: Context, body: ApiKeyBody, team_id: str = "") -> tuple[ApiKey, str]:
    """A new key of the principal, in the team one works in unless another is given, and its text, for once."""
    team_id = require(ctx, "api_keys.create", team_id=team_id or ctx.principal.team_id)
    with write(ctx.db) as db:
        return issue(db, ctx.principal.user_id, team_id, body.name, body.expires_in_days)


def issue(
    db: Db, user_id: str, team_id: str, name: str, expires_in_days: int | None
) -> tuple[ApiKey, str]:
    """A key for somebody whose right to it was checked before. Inside `write`. Refused when there are too many."""
    if len(api_keys.find_all(db, team_id=team_id, user_id=user_id)) >= MOST_KEYS:
        raise Refused(f"you have {MOST_KEYS} API keys in this team", hint="revoke one of them")
    expires_ms = db.clock.now_ms() + expires_in_days * DAY_MS if expires_in_days else None
    key, text = api_keys.add(db, user_id, team_id, name, expires_ms)
    emit(db, "api_key.created", subject=key.id, team_id=team_id, actor=user_id)
    return key, text


def page(ctx: Context, query: ApiKeyQuery) -> Page[ApiKey]:
    """One's own keys in the team one works in, or everybody's there."""
    team_id = require(
        ctx, MANAGE if query.everybody else "api_keys.list", team_id=ctx.principal.team_id
    )
    found = api_keys.find_all(
        ctx.db, team_id=team_id, user_id="" if query.everybody else ctx.principal.user_id,
        after=query.position, limit=query.limit + 1, newest_first=query.order == "desc",
    )  # fmt: skip
    return page_of(found, query.limit, lambda key: str(key.seq))


def own(ctx: Context) -> list[ApiKey]:
    """One's own keys in all teams, newest first."""
    return api_keys.find_all(ctx.db, user_id=require_user(ctx).user_id)


def revoke(ctx: Context, key_id: str) -> ApiKey:
    """End a key, one's own or as an admin of its team: the next request with it fails, what it holds open closes."""
    principal = require_user(ctx)
    with write(ctx.db) as db:
        key = api_keys.get(db, key_id)
        if not _is_own(principal, key):
            _require_manager(ctx, key)
        api_keys.remove(db, key.id)
        emit(
            db, "api_key.revoked", subject=key.id, team_id=key.team_id, actor=principal.user_id,
            user=key.user_id,
        )  # fmt: skip
    return key


def _is_own(principal: Principal, key: ApiKey) -> bool:
    """A key manages those of its own team only; a workload's token none."""
    reaches = principal.by == "session" or principal.team_id == key.team_id
    return principal.kind == "user" and principal.user_id == key.user_id and reaches


def _require_manager(ctx: Context, key: ApiKey) -> None:
    try:
        require(ctx, MANAGE, team_id=key.team_id)
    except NotFound:  # in the same words as if it did not exist
        raise api_keys.not_found() from None
