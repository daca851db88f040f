"""The profile: who one is, API keys, sessions, password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request

from appliance import sessions
from appliance.access import require_session
from appliance.context import Context
from appliance.db import write
from appliance.errors import ApplianceError
from appliance.web import auth, forms
from appliance.web.pages import context, done, page
from appliance.web.status import status_of
from plugins_builtin.account import service
from plugins_builtin.account.specs import KeyForm, PasswordForm
from plugins_builtin.api_keys import service as api_keys
from plugins_builtin.auth_password import service as passwords

Errors = dict[str, str]


def blueprint() -> Blueprint:
    pages = Blueprint("account", __name__, template_folder="templates")
    pages.add_url_rule("/profile", "profile", profile)
    pages.add_url_rule("/profile/keys", "create_key", create_key, methods=["POST"])
    pages.add_url_rule("/profile/keys/<key_id>/revoke", "revoke_key", revoke_key, methods=["POST"])
    pages.add_url_rule("/profile/password", "password", password, methods=["POST"])
    pages.add_url_rule("/profile/sign-out", "sign_out", sign_out, methods=["POST"])
    return pages


def profile() -> str:
    """All of it."""
    return _profile({}, {}, {})


def _profile(key: dict[str, str], key_errors: Errors, password_errors: Errors) -> str:
    ctx = context()
    principal = require_session(ctx)
    user, memberships = service.who(ctx), service.memberships(ctx)
    names = {team.id: team.name for team, _ in memberships}
    return page(
        "account/profile.html",
        "Profile",
        live=False,
        user={"name": user.handle, "email": user.email, "is_admin": user.is_admin},
        memberships=[{"team": team.name, "role": role} for team, role in memberships],
        keys=_keys(ctx, names),
        values={"name": "", "team": principal.team_id, "expires_in_days": "90", **key},
        key_errors=key_errors,
        team_choices=[{"value": team, "label": name} for team, name in names.items()],
        sessions=[
            {
                "provider": session.provider,
                "created_ms": session.created_ms,
                "seen_ms": session.seen_ms,
                "is_this": session.digest == principal.credential,
            }
            for session in sessions.of_user(ctx.db, user.id)
        ],
        has_password=passwords.has_password(ctx, user),
        password_errors=password_errors,
    )


def _keys(ctx: Context, names: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "id": key.id,
            "name": key.name,
            "team": names.get(key.team_id, "–"),
            "created_ms": key.created_ms,
            "used_ms": key.used_ms,
            "expires_ms": key.expires_ms,
        }
        for key in api_keys.own(ctx)
    ]


def create_key() -> Any:
    """Make one and show it, here and not behind a redirect: it is kept nowhere."""
    ctx = context()
    values = {key: request.form.get(key, "") for key in ("name", "team", "expires_in_days")}
    form, errors = forms.parse(KeyForm, values)
    if form is None:
        return _profile(values, errors, {}), 400
    try:
        _, text = api_keys.create(ctx, form.name, form.expires_in_days or None, form.team)
    except ApplianceError as error:
        return _profile(values, forms.whole(error), {}), status_of(error)
    return page(
        "once.html", "New API key", crumbs=[("Profile", "/profile"), ("New API key", None)], live=False,
        text=text, label="API key", note="Put it where the program that needs it finds it, as APPLIANCE_API_KEY.",
        back_url="/profile", back_label="Back to the profile",
    )  # fmt: skip


def revoke_key(key_id: str) -> Any:
    """End one."""
    require_session(context())
    key = api_keys.revoke(context(), key_id)
    return done("/profile", f"The API key {key.name} does not work any more.")


def password() -> Any:
    """A new password."""
    ctx = context()
    form, errors = forms.parse(PasswordForm, request.form.to_dict())
    if form is None:
        return _profile({}, {}, errors), 400
    try:
        passwords.change_password(ctx, form.current, form.password)
    except ApplianceError as error:
        status = status_of(error)
        return _profile({}, {}, {"current" if status == 401 else "": str(error)}), status
    return done("/profile", "The password is changed. You are signed out everywhere else.")


def sign_out() -> Any:
    """End every session of one's own, this one too."""
    ctx = context()
    principal = require_session(ctx)
    with write(ctx.db) as db:
        sessions.end_all(db, principal.user_id)
    response = redirect("/login", code=303)
    auth.clear_session(response, ctx.config)  # type: ignore[arg-type]
    return response
