"""Widgets at the API."""

from __future__ import annotations

from lab_widgets import service
from lab_widgets.specs import Widget, WidgetBody, WidgetQuery, WidgetReply

from appliance.context import Context
from appliance.plugins import ApiResource, Verb
from appliance.schema import Page


def shown(widget: Widget) -> WidgetReply:
    return WidgetReply(
        id=widget.id, project_id=widget.project_id, name=widget.name, dt_created=widget.created_ms
    )


def _list(ctx: Context, query: WidgetQuery) -> Page[WidgetReply]:
    return Page([shown(one) for one in service.listed(ctx, query.project_id)])


def _create(ctx: Context, body: WidgetBody) -> WidgetReply:
    return shown(service.create(ctx, body.project_id, body.name))


def _get(ctx: Context, widget_id: str) -> WidgetReply:
    return shown(service.get(ctx, widget_id))


def _delete(ctx: Context, widget_id: str) -> WidgetReply:
    return shown(service.delete(ctx, widget_id))


WIDGETS = ApiResource(
    "widgets",
    id_prefix="wi",
    spec=WidgetReply,
    title="Widgets",
    columns=("id", "name", "dtCreated"),
    verbs=(
        Verb("list", "GET", "/widgets", _list, query=WidgetQuery, summary="Widgets of a project"),
        Verb("create", "POST", "/widgets", _create, body=WidgetBody, summary="New widget"),
        Verb(
            "get",
            "GET",
            "/widgets/{widget_id}",
            _get,
            summary="One widget",
            words="widgets details",
        ),
        Verb(
            "delete",
            "DELETE",
            "/widgets/{widget_id}",
            _delete,
            role="admin",
            summary="Delete a widget",
        ),
    ),
)
