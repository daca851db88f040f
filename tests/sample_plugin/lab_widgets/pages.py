"""A tab of each project, a line in the navigation, a box on the home page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from lab_widgets import service, store

from appliance.access import require_user
from appliance.web.pages import context, done, fragment, page, project_frame
from plugins_builtin.projects import service as projects


def blueprint() -> Blueprint:
    pages = Blueprint("widgets", __name__, template_folder="templates")
    pages.add_url_rule("/widgets", "about", about)
    pages.add_url_rule("/widgets/panel", "panel", panel)
    pages.add_url_rule("/widgets/broken", "broken", broken)
    pages.add_url_rule("/projects/<project_id>/widgets", "tab", tab)
    pages.add_url_rule("/projects/<project_id>/widgets", "create", create, methods=["POST"])
    return pages


def about() -> str:
    ctx = context()
    require_user(ctx)
    return page("widgets/about.html", "Widgets", live=False, count=store.count(ctx.db))


def panel() -> str:
    ctx = context()
    require_user(ctx)
    return fragment("widgets/_panel.html", count=store.count(ctx.db))


def broken() -> str:
    require_user(context())
    raise ZeroDivisionError("this page has a bug")


def tab(project_id: str) -> str:
    ctx = context()
    frame = project_frame(project_id, projects.get(ctx, project_id).name)
    found = service.listed(ctx, project_id)
    return page("widgets/tab.html", "Widgets", live=False, **frame, widgets=found)


def create(project_id: str) -> Any:
    service.create(context(), project_id, request.form.get("name", ""))
    return done(f"/projects/{project_id}/widgets", "Made.")
