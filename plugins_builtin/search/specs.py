"""What is asked and what is found."""

from __future__ import annotations

from pydantic import Field

from appliance.schema import Query, Reply


class SearchQuery(Query):
    """q: at least one character that is not a space. limit: hits of each kind."""

    q: str = Field(min_length=1, max_length=200)
    limit: int = Field(default=20, ge=1, le=100)


class HitReply(Reply):
    """url: a path on this site."""

    title: str
    kind: str
    detail: str
    url: str
