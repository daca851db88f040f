"""The admin's page of users."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from appliance import identity
from appliance.access import require_admin
from appliance.errors import ApplianceError
from appliance.identity import User
from appliance.web import forms
from appliance.web.pages import context, done, page
from appliance.web.status import status_of
from plugins_builtin.auth_password import service
from plugins_builtin.auth_password.specs import NewUserForm
from plugins_builtin.teams import service as teams

FIELDS = ("name", "email", "team", "role")


def blueprint() -> Blueprint:
    pages = Blueprint("users", __name__, template_folder="templates")
    pages.add_url_rule("/admin/users", "index", index)
    pages.add_url_rule("/admin/users", "add", add, methods=["POST"])
    for action in (reset, disable, enable, make_admin, drop_admin):
        name = action.__name__
        url = f"/admin/users/<user_id>/{name.replace('_', '-')}"
        pages.add_url_rule(url, name, action, methods=["POST"])
    return pages


def index() -> str:
    """Everybody who has an account."""
    return _index({}, {})


def _index(values: dict[str, str], errors: dict[str, str], refused: str = "") -> str:
    ctx = context()
    require_admin(ctx)
    return page(
        "auth_password/users.html",
        "Users",
        live=False,
        users=[
            {
                "id": user.id,
                "name": user.handle,
                "email": user.email,
                "teams": [team.name for team in identity.teams_of(ctx.db, user.id)],
                "is_admin": user.is_admin,
                "disabled": user.disabled,
                "created_ms": user.created_ms,
                "is_you": user.id == ctx.principal.user_id,
            }
            for user in identity.users(ctx.db)
        ],
        team_choices=[
            {"value": team.namespace, "label": team.name} for team in identity.teams(ctx.db)
        ],
        values={"name": "", "email": "", "team": "", "role": "member", **values},
        errors=errors,
        refused=refused,
    )


def add() -> Any:
    """A new user with a password that is shown once."""
    ctx, values = context(), {key: request.form.get(key, "") for key in FIELDS}
    require_admin(ctx)
    form, errors = forms.parse(NewUserForm, values)
    if form is None:
        return _index(values, errors), 400
    try:
        team = teams.team_named(ctx, form.team)
        user, password = service.add_user(ctx, form.name, form.email, False, team, form.role)
    except ApplianceError as error:
        return _index(values, {"name": str(error)}), status_of(error)
    return _once(user, password)


def _once(user: User, password: str) -> str:
    return page(
        "once.html", f"Password of {user.handle}", crumbs=[("Users", "/admin/users"), (user.handle, None)],
        live=False, text=password, label="Password",
        note=f"Give it to {user.handle}, who can change it in the profile.",
        back_url="/admin/users", back_label="Back to the users",
    )  # fmt: skip


def reset(user_id: str) -> str:
    """A fresh password, shown once."""
    return _once(*service.reset_password(context(), user_id))


def disable(user_id: str) -> Any:
    """Shut somebody out, or say why not."""
    try:
        teams.disable_user(context(), user_id, True)
    except ApplianceError as error:
        return _index({}, {}, str(error)), status_of(error)
    return done("/admin/users", "Shut out. Nothing is deleted.")


def enable(user_id: str) -> Any:
    """Let somebody in again."""
    teams.disable_user(context(), user_id, False)
    return done("/admin/users", "May sign in again.")


def make_admin(user_id: str) -> Any:
    """Let somebody administer the appliance."""
    teams.set_appliance_admin(context(), user_id, True)
    return done("/admin/users", "Administers this appliance now.")


def drop_admin(user_id: str) -> Any:
    """Not any more, or say why not."""
    try:
        teams.set_appliance_admin(context(), user_id, False)
    except ApplianceError as error:
        return _index({}, {}, str(error)), status_of(error)
    return done("/admin/users", "Does not administer this appliance any more.")
