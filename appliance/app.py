"""The composition root of web: configuration and plugins become one Flask application."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flask import Blueprint, Flask, g, request
from htmx_flask import Htmx
from werkzeug.middleware.proxy_fix import ProxyFix

from appliance import boot, events
from appliance.access import NOBODY
from appliance.boot import Appliance
from appliance.plugins import Pages
from appliance.web import api, auth, errors, internal, openapi, pages, reference, signin

MAX_FORM_BYTES = 16 << 20


def create_web(data: Path) -> Flask:
    """The application with all plugins that fit; without any third-party one when it can't be put together with them."""
    return boot.start_with_plugins(data, create_app)


def create_app(appliance: Appliance) -> Flask:
    """A WSGI application that listens behind our nginx, which alone may set X-Forwarded-*."""
    app = Flask("appliance.web", static_folder=None, template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = MAX_FORM_BYTES
    app.secret_key = appliance.keys.mac("flask", "flashes")
    app.config["SESSION_COOKIE_NAME"] = "appliance_flashes"  # holds flash messages, nothing else
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["SESSION_COOKIE_SECURE"] = bool(appliance.config.tls_cert)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    Htmx(app)
    pages.install(app, appliance.clock)
    errors.install(app)

    @app.before_request
    def _who() -> None:
        g.ctx = replace(appliance.context(NOBODY), address=request.remote_addr or "")
        g.events_head = events.head(g.ctx.db)
        if request.path.startswith("/internal/"):
            auth.require_gateway(request)
        else:
            principal = auth.authenticate(g.ctx, request)
            g.ctx = g.ctx.acting_as(principal)
            auth.check_door(principal, request)
            auth.check_origin(g.ctx, request)

    app.register_blueprint(signin.blueprint)
    app.register_blueprint(internal.blueprint)
    resources = appliance.registry.api_resources.values()
    document = openapi.document(resources)
    app.register_blueprint(api.blueprint(resources, document))
    app.register_blueprint(reference.blueprint(document))
    for contribution in appliance.registry.pages:
        app.register_blueprint(_blueprint(contribution))
    return app


def _blueprint(contribution: Pages) -> Blueprint:
    made = contribution.blueprint
    found: Callable[[], Blueprint] = pkgutil.resolve_name(made) if isinstance(made, str) else made
    return found()
