"""Use cases of widgets."""

from __future__ import annotations

from lab_widgets import store
from lab_widgets.settings import MOST
from lab_widgets.specs import Widget

from appliance.access import require
from appliance.context import Context
from appliance.db import write
from appliance.errors import NotFound, Refused
from appliance.events import emit
from appliance.ids import new_id
from appliance.plugins import Hit
from appliance.schema import PageQuery
from appliance.settings import get as setting
from plugins_builtin.projects import service as projects


def create(ctx: Context, project_id: str, name: str) -> Widget:
    """Refused beyond the setting `widgets.most`."""
    team_id = require(ctx, "widgets.create", project_id=project_id)
    widget_id = new_id("wi")
    with write(ctx.db) as db:
        if store.count(db) >= setting(db, MOST):
            raise Refused("there are too many widgets", hint="delete some")
        store.insert(db, widget_id, project_id, name)
        emit(
            db,
            "widget.created",
            subject=widget_id,
            project_id=project_id,
            team_id=team_id,
            title=name,
        )
    return store.get(ctx.db, widget_id)


def get(ctx: Context, widget_id: str, permission: str = "widgets.get") -> Widget:
    widget = store.get(ctx.db, widget_id)
    try:
        require(ctx, permission, project_id=widget.project_id)
    except NotFound:
        raise NotFound("no such widget", hint="check the id") from None
    return widget


def listed(ctx: Context, project_id: str) -> list[Widget]:
    require(ctx, "widgets.list", project_id=project_id)
    return store.of_projects(ctx.db, [project_id])


def delete(ctx: Context, widget_id: str) -> Widget:
    widget = get(ctx, widget_id, "widgets.delete")
    with write(ctx.db) as db:
        store.delete(db, widget_id)
    return widget


def search(ctx: Context, text: str, limit: int) -> list[Hit]:
    """Widgets of the team's projects."""
    mine = [project.id for project in projects.page(ctx, PageQuery(limit=1000)).items]
    found = store.of_projects(ctx.db, mine, text, limit)
    return [Hit(one.name, f"/projects/{one.project_id}/widgets", "widget") for one in found]
