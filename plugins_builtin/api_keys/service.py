"""Use cases of API keys. The table is the core's (api_keys.py), since every request rests on it."""

from __future__ import annotations

from appliance import api_keys
from appliance.access import require, require_session, require_user
from appliance.api_keys import ApiKey
from appliance.context import Context
from appliance.db import Db, write
from appliance.errors import Refused
from appliance.events import emit
from appliance.schema import NumberedQuery, Page, page_of

DAY_MS = 24 * 3600 * 1000
MOST_KEYS = 100


def create(
    ctx: Context, name: str, expires_in_days: int | None, team_id: str = ""
) -> tuple[ApiKey, str]:
    """A new key of somebody at a browser, in the team one works in unless another is given, and its text, for once."""
    principal = require_session(ctx)
    team_id = require(ctx, "api_keys.create", team_id=team_id or principal.team_id)
    with write(ctx.db) as db:
        return issue(db, principal.user_id, team_id, name, expires_in_days)


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


def page(ctx: Context, query: NumberedQuery) -> Page[ApiKey]:
    """One's own keys in the team one works in."""
    team_id = require(ctx, "api_keys.list", team_id=ctx.principal.team_id)
    return _page(ctx, query, team_id, ctx.principal.user_id)


def page_of_team(ctx: Context, team_id: str, query: NumberedQuery) -> Page[ApiKey]:
    """Everybody's keys in a team."""
    require(ctx, "api_keys.list_team", team_id=team_id)
    return _page(ctx, query, team_id)


def _page(ctx: Context, query: NumberedQuery, team_id: str, user_id: str = "") -> Page[ApiKey]:
    found = api_keys.find_all(
        ctx.db, team_id=team_id, user_id=user_id, after=query.position, limit=query.limit + 1,
        newest_first=query.order == "desc",
    )  # fmt: skip
    return page_of(found, query.limit, lambda key: str(key.seq))


def own(ctx: Context) -> list[ApiKey]:
    """One's own keys in all teams, newest first."""
    return api_keys.find_all(ctx.db, user_id=require_user(ctx).user_id)


def revoke(ctx: Context, key_id: str) -> ApiKey:
    """End a key of one's own: the next request with it fails, what it holds open closes within seconds.

    A key reaches those of its own team only.
    """
    principal = require_user(ctx)
    with write(ctx.db) as db:
        key = api_keys.get(db, key_id)
        reaches = principal.by == "session" or principal.team_id == key.team_id
        if principal.user_id != key.user_id or not reaches:
            raise api_keys.not_found()
        _remove(db, key, principal.user_id)
    return key


def revoke_in_team(ctx: Context, team_id: str, key_id: str) -> ApiKey:
    """End anybody's key in a team."""
    require(ctx, "api_keys.revoke_team", team_id=team_id)
    with write(ctx.db) as db:
        key = api_keys.get(db, key_id)
        if key.team_id != team_id:
            raise api_keys.not_found()
        _remove(db, key, ctx.principal.user_id)
    return key


def _remove(db: Db, key: ApiKey, actor: str) -> None:
    api_keys.remove(db, key.id)
    emit(db, "api_key.revoked", subject=key.id, team_id=key.team_id, actor=actor, user=key.user_id)
