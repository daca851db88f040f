"""How things look at the API, as rest-v1 has them: camelCase names, ISO dates, pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from appliance.clock import iso

_MOMENT = {"type": "string", "format": "date-time"}
Time = Annotated[
    int, PlainSerializer(iso, return_type=str), WithJsonSchema(_MOMENT, mode="serialization")
]
MaybeTime = Annotated[
    int | None,
    PlainSerializer(iso),
    WithJsonSchema({"anyOf": [_MOMENT, {"type": "null"}]}, mode="serialization"),
]
# Names that people give: anything printable, on one line.
Title = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]


def told(words: str) -> WrapValidator:
    """Behind a pattern: what people are told who typed something else, such as "Use digits"."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if any(item["type"] == "string_pattern_mismatch" for item in error.errors()):
                raise PydanticCustomError("shape", words) from None  # type: ignore[arg-type]
            raise

    return WrapValidator(check)


# On the type of what nobody may read over a shoulder: clients ask for it without echo.
Unseen = Field(json_schema_extra={"format": "password"})


def is_local_path(text: str) -> bool:
    """Whether a link with this address stays on this site."""
    plain = (
        text.isprintable() and "\\" not in text
    )  # browsers drop tabs and take backslashes for slashes
    return plain and text.startswith("/") and not text.startswith("//")


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


class NumberedQuery(PageQuery):
    """Cursor paging over what has numbers; position: the number to go on behind, 0 = from the start."""

    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,18}$")] = ""

    @property
    def position(self) -> int:
        return int(self.after or 0)


Item = TypeVar("Item", covariant=True)
Found = TypeVar("Found")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some items, and where to go on: None on the last page."""

    items: Sequence[Item]
    next_page: str | None = None

    def map(self, show: Callable[[Any], Found]) -> Page[Found]:
        """The same page, each item as something else."""
        return Page([show(item) for item in self.items], self.next_page)


def page_of(found: Sequence[Found], limit: int, cursor: Callable[[Found], str]) -> Page[Found]:
    """A page from a query that asked for limit + 1 rows."""
    items = list(found[:limit])
    return Page(items, cursor(items[-1]) if len(found) > limit else None)


class LogQuery(Query):
    """Which part of a log. offset: of bytes, as `next` of the part before said."""

    offset: int = Field(default=0, ge=0)


class LogPart(Reply):
    """Lines of a log from an offset on. ended: nothing will follow what `next` points to."""

    text: str
    next: int
    ended: bool


class Deleted(Reply):
    """What is left of something deleted: its id."""

    id: str
