"""Search at the API."""

from __future__ import annotations

from appliance.plugins import PEOPLE, ApiResource, Verb
from plugins_builtin.search import service
from plugins_builtin.search.specs import HitReply, SearchQuery

SEARCH = ApiResource(
    "search",
    id_prefix="",
    spec=HitReply,
    title="Search",
    columns=("kind", "title", "detail", "url"),
    verbs=(
        Verb(
            "find", "GET", "/search", service.listed, query=SearchQuery, access="user", by=PEOPLE,
            summary="Search everything that you may see",
        ),
    ),
)  # fmt: skip
