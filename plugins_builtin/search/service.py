"""Ask every plugin that can be searched."""

from __future__ import annotations

from appliance.access import require_user
from appliance.context import Context
from appliance.plugins import Hit
from plugins_builtin.search.specs import HitReply, SearchQuery


def find(ctx: Context, text: str, limit: int) -> tuple[list[Hit], list[str]]:
    """What this principal may see, at most `limit` of each kind; and what could not be searched."""
    require_user(ctx)
    wanted = text.strip()[:200]
    return ctx.registry.search(ctx, wanted, limit) if wanted else ([], [])


def listed(ctx: Context, query: SearchQuery) -> list[HitReply]:
    """For the API."""
    hits, _ = find(ctx, query.q, query.limit)
    return [
        HitReply(title=hit.title, kind=hit.kind, detail=hit.detail, url=hit.url) for hit in hits
    ]
