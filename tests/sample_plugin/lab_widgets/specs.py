"""What a widget is."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.schema import Body, PageQuery, Reply, Time, Title


@dataclass(frozen=True)
class Widget:
    """A row."""

    seq: int
    id: str
    project_id: str
    name: str
    created_ms: int


class WidgetBody(Body):
    """POST /widgets."""

    project_id: str
    name: Title


class WidgetQuery(PageQuery):
    """GET /widgets."""

    project_id: str


class WidgetReply(Reply):
    """A widget as the API shows it."""

    id: str
    project_id: str
    name: str
    dt_created: Time
