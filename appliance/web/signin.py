"""Signing in and out, and choosing the team to work in. Which ways there are comes from plugins."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from appliance import identity, sessions
from appliance.access import NOBODY, require_user
from appliance.context import Context
from appliance.db import write
from appliance.errors import ApplianceError, NotFound, Refused
from appliance.web import auth
from appliance.web.pages import context, done, local_path
from appliance.web.status import status_of

blueprint = Blueprint("signin", __name__)


@blueprint.get("/login")
def login() -> Any:
    """The form of each provider."""
    target = local_path(request.args.get("next", "/"))
    if context().principal is not NOBODY:
        return redirect(target, code=303)
    return _form(target)


def _form(target: str, error: ApplianceError | None = None, user: str = "") -> str:
    providers = [
        {
            "name": provider.name,
            "label": provider.label,
            "url": url_for("signin.finish", provider=provider.name),
            "password": provider.begin(context(), {}) is None,
        }
        for provider in context().registry.auth_providers.values()
    ]
    return render_template(
        "login.html",
        title="Sign in",
        providers=providers,
        next=target,
        values={"user": user},
        error=error.message if error else "",
        hint=error.hint if error else "",
    )


@blueprint.post("/login/<provider>")
def finish(provider: str) -> Any:
    """Check what was typed; a new session when it is right."""
    ctx, form = context(), request.form.to_dict()
    target = local_path(form.get("next", "/"))
    found = ctx.registry.auth_providers.get(provider)
    if found is None:
        raise NotFound("there is no such way to sign in")
    try:
        user_id = found.finish(ctx, form, request.remote_addr or "")
        token = begin_session(ctx, user_id, provider)
    except ApplianceError as error:
        return _form(target, error, form.get("user", "")[:100]), status_of(error)
    response = done(target)
    auth.set_session(response, ctx.config, token)  # type: ignore[arg-type]
    return response


def begin_session(ctx: Context, user_id: str, provider: str) -> str:
    """A session in the user's first team; Refused for somebody who is in none."""
    teams = identity.teams_of(ctx.db, user_id)
    if not teams:
        raise Refused("you are in no team yet", hint="ask an admin to add you to one")
    with write(ctx.db) as db:
        return sessions.start(db, user_id, teams[0].id, provider)


@blueprint.post("/logout")
def logout() -> Any:
    """End the session; the notebooks it opened close with it."""
    ctx = context()
    with write(ctx.db) as db:
        sessions.end(db, ctx.principal.credential)
    response = redirect("/login", code=303)
    auth.clear_session(response, ctx.config)  # type: ignore[arg-type]
    return response


@blueprint.post("/teams/switch")
def choose_team() -> Any:
    """Work in another team from now on."""
    ctx, team_id = context(), request.form.get("team", "")
    require_user(ctx)
    if identity.role_in(ctx.db, team_id, ctx.principal.user_id) is None:
        raise NotFound("no such team", hint="ask an admin to add you")
    with write(ctx.db) as db:
        sessions.choose_team(db, ctx.principal.credential, team_id)
    return done("/")
