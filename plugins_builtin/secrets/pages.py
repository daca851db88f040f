"""Pages of secrets: the tab of a project, and those of the team and of the whole appliance."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from appliance.access import require_user
from appliance.context import Context
from appliance.errors import ApplianceError, Forbidden, NotFound
from appliance.schema import PageQuery
from appliance.web import forms
from appliance.web.pages import context, done, page, project_frame
from appliance.web.status import status_of
from plugins_builtin.projects import service as projects
from plugins_builtin.secrets import service
from plugins_builtin.secrets.specs import CLUSTER, NAME_PATTERN, Place, SecretBody, ValueBody

PER_PAGE = 200


def blueprint() -> Blueprint:
    pages = Blueprint("secrets", __name__, template_folder="templates")
    for base in ("/secrets/<scope>", "/projects/<project_id>/secrets"):
        one = f"{base}/<name>"
        kind = "project" if "project_id" in base else "shared"
        pages.add_url_rule(base, kind, show)
        pages.add_url_rule(base, f"create_{kind}", create, methods=["POST"])
        pages.add_url_rule(one, f"change_{kind}", change, methods=["POST"])
        pages.add_url_rule(f"{one}/delete", f"delete_{kind}", delete, methods=["POST"])
    pages.add_url_rule("/secrets", "index", show, defaults={"scope": "team"})
    return pages


def _place(ctx: Context, scope: str, project_id: str) -> Place:
    if project_id:
        return Place("project", project_id)
    if scope not in ("team", "cluster"):
        raise NotFound("no such page")
    return CLUSTER if scope == "cluster" else Place("team", require_user(ctx).team_id)


def _base(place: Place) -> str:
    if place.scope == "project":
        return f"/projects/{place.owner_id}/secrets"
    return f"/secrets/{place.scope}"


def show(scope: str = "", project_id: str = "") -> str:
    """The list, and the form for another one."""
    return _shown(_place(context(), scope, project_id), {"name": ""}, {})


def _shown(place: Place, values: dict[str, str], errors: dict[str, str]) -> str:
    ctx = context()
    found = service.page(ctx, place, PageQuery(limit=PER_PAGE, after=request.args.get("after", "")))
    given: dict[str, Any] = {
        "scope": place.scope,
        "secrets": found.items,
        "next_url": f"{_base(place)}?after={found.next_page}" if found.next_page else "",
        "base_url": _base(place),
        "can_edit": _can_edit(ctx, place),
        "name_pattern": NAME_PATTERN,
        "values": values,
        "errors": errors,
    }
    if place.scope == "project":
        project = projects.get(ctx, place.owner_id)
        frame = project_frame(project.id, project.name)
        return page("secrets/project.html", project.name, live=False, **frame, **given)
    tabs = [
        {"title": title, "url": f"/secrets/{scope}", "active": place.scope == scope}
        for title, scope in (("Team", "team"), ("Cluster", "cluster"))
    ]
    return page("secrets/list.html", "Secrets", live=False, tabs=tabs, **given)


def _can_edit(ctx: Context, place: Place) -> bool:
    try:
        service.writable(ctx, place)
    except Forbidden:
        return False
    return True


def create(scope: str = "", project_id: str = "") -> Any:
    """Add one; the value is never sent back, not even when the name was wrong."""
    ctx = context()
    place = service.writable(ctx, _place(ctx, scope, project_id))
    values = {"name": request.form.get("name", "").strip()}
    body, errors = forms.parse(SecretBody, {**values, "value": _typed()})
    if body is None:
        return _shown(place, values, errors), 400
    try:
        service.create(ctx, place, body.name, body.value)
    except ApplianceError as error:
        return _shown(place, values, {"name": str(error)}), status_of(error)
    return done(_base(place), f"The secret {body.name} is set: secret:{body.name} stands for it.")


def change(name: str, scope: str = "", project_id: str = "") -> Any:
    """Give one a new value."""
    ctx = context()
    place = service.writable(ctx, _place(ctx, scope, project_id))
    body, errors = forms.parse(ValueBody, {"value": _typed()})
    if body is None:
        return _shown(place, {"name": ""}, {"": f"{name}: {errors['value']}"}), 400
    service.update(ctx, place, name, body.value)
    return done(
        _base(place), f"{name} has a new value. Programs that run keep the old one until they end."
    )


def delete(name: str, scope: str = "", project_id: str = "") -> Any:
    """Forget one."""
    ctx = context()
    place = _place(ctx, scope, project_id)
    service.delete(ctx, place, name)
    return done(_base(place), f"The secret {name} is deleted.")


def _typed() -> str:
    """The value with the line ends that were meant: browsers send CRLF."""
    return request.form.get("value", "").replace("\r\n", "\n")
