"""What the API says of keys."""

from __future__ import annotations

from pydantic import Field

from appliance.schema import Body, MaybeTime, Reply, Time, Title, UserSummary

MAX_DAYS = 3650


class ApiKeyBody(Body):
    """POST /api-keys."""

    name: Title
    expires_in_days: int | None = Field(
        default=None, ge=1, le=MAX_DAYS, description="never, if not given"
    )


class ApiKeyReply(Reply):
    """A key without its text."""

    id: str
    name: str
    team_id: str
    user: UserSummary
    dt_created: Time
    dt_last_used: MaybeTime
    dt_expires: MaybeTime


class NewApiKeyReply(ApiKeyReply):
    """A key that was just made. key: what programs send; it is not shown again."""

    key: str
