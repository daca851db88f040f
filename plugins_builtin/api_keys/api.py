"""API keys at the API."""

from __future__ import annotations

from appliance import identity
from appliance.api_keys import ApiKey
from appliance.context import Context
from appliance.plugins import PEOPLE, ApiResource, Verb
from appliance.schema import NumberedQuery, Page, UserSummary
from plugins_builtin.api_keys import service
from plugins_builtin.api_keys.specs import ApiKeyBody, ApiKeyReply, NewApiKeyReply


def shown(ctx: Context, key: ApiKey) -> ApiKeyReply:
    user = identity.user_by_id(ctx.db, key.user_id)
    return ApiKeyReply(
        id=key.id,
        name=key.name,
        team_id=key.team_id,
        user=UserSummary(id=user.id, email=user.email),
        dt_created=key.created_ms,
        dt_last_used=key.used_ms,
        dt_expires=key.expires_ms,
    )


def _list(ctx: Context, query: NumberedQuery) -> Page[ApiKeyReply]:
    return service.page(ctx, query).map(lambda key: shown(ctx, key))


def _list_team(ctx: Context, team_id: str, query: NumberedQuery) -> Page[ApiKeyReply]:
    return service.page_of_team(ctx, team_id, query).map(lambda key: shown(ctx, key))


def _create(ctx: Context, body: ApiKeyBody) -> NewApiKeyReply:
    key, text = service.create(ctx, body.name, body.expires_in_days)
    return NewApiKeyReply(**dict(shown(ctx, key)), key=text)


def _revoke(ctx: Context, key_id: str) -> ApiKeyReply:
    return shown(ctx, service.revoke(ctx, key_id))


def _revoke_team(ctx: Context, team_id: str, member_key_id: str) -> ApiKeyReply:
    return shown(ctx, service.revoke_in_team(ctx, team_id, member_key_id))


API_KEYS = ApiResource(
    "api_keys",
    id_prefix="ak",
    spec=ApiKeyReply,
    title="API keys",
    words="api-keys",
    columns=("id", "name", "user.email", "dtCreated", "dtLastUsed", "dtExpires"),
    verbs=(
        Verb(
            "list", "GET", "/api-keys", _list, query=NumberedQuery, by=PEOPLE,
            summary="Your API keys in this team, without their text",
        ),
        Verb(
            "create", "POST", "/api-keys", _create, body=ApiKeyBody, by=("session",),
            summary="New API key for this team; its text is shown this once",
        ),
        Verb(
            "revoke", "DELETE", "/api-keys/{key_id}", _revoke, access="user", by=PEOPLE,
            summary="End an API key of yours at once", words="api-keys delete",
        ),
        Verb(
            "list_team", "GET", "/teams/{team_id}/api-keys", _list_team, query=NumberedQuery, role="admin", by=PEOPLE,
            summary="API keys of everybody in a team, without their text", words="teams api-keys list",
        ),
        Verb(
            "revoke_team", "DELETE", "/teams/{team_id}/api-keys/{member_key_id}", _revoke_team, role="admin",
            by=PEOPLE, summary="End an API key of anybody in a team at once", words="teams api-keys delete",
        ),
    ),
)  # fmt: skip
