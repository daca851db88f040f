"""How things look at the API, as rest-v1 has them: camelCase names, ISO dates, pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from appliance.clock import iso

Time = Annotated[int, PlainSerializer(iso, return_type=str)]
MaybeTime = Annotated[int | None, PlainSerializer(iso)]
# Names that people give: anything printable, on one line.
Title = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]


class Reply(BaseModel):
    """Base of what the API answers."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class UserSummary(Reply):
    """A user as others see it; rest-v1 `UserSummary`."""

    id: str
    email: str
    first_name: str | None = None
    last_name: str | None = None
    public_profile_image_url: str | None = None


class Body(BaseModel):
    """Base of what the API is sent. Unknown fields are refused by name."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="forbid"
    )

    @classmethod
    def ignored(cls) -> frozenset[str]:
        """Fields of REST v1 that have no meaning here: accepted, and reported as ignored."""
        return frozenset()


class Query(BaseModel):
    """Base of query parameters; unknown keys are ignored, since official clients send stray ones."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore"
    )


class PageQuery(Query):
    """Cursor paging: `after` is the `nextPage` of the page before."""

    limit: int = Field(default=100, ge=1, le=1000)
    after: str = ""
    order: Literal["asc", "desc"] = "desc"


@dataclass(frozen=True)
class Page:
    """Some items, and where to go on: None on the last page."""

    items: Sequence[Any]
    next_page: str | None = None


def page_of(found: Sequence[Any], limit: int, cursor: Callable[[Any], str]) -> Page:
    """A page from a query that asked for limit + 1 rows."""
    items = list(found[:limit])
    return Page(items, cursor(items[-1]) if len(found) > limit else None)
