"""The shell around every page, and what all templates can rely on."""

from __future__ import annotations

import hashlib
import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import (
    Blueprint,
    Flask,
    flash,
    g,
    get_flashed_messages,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response

from appliance import identity
from appliance.access import NOBODY
from appliance.clock import Clock
from appliance.context import Context
from appliance.plugins.registry import Registry
from appliance.runtime import room
from appliance.schema import is_local_path
from appliance.web import auth, filters, openapi

STATIC = Path(__file__).parent / "static"
_TITLES = {
    401: "Please sign in",
    403: "Not allowed",
    404: "Not found",
    503: "Not available right now",
}
Crumbs = Sequence[tuple[str, str | None]]


def context() -> Context:
    """The context of this request."""
    ctx: Context = g.ctx
    return ctx


def page(
    template: str, title: str, *, crumbs: Crumbs = (), live: bool = True, **values: Any
) -> str:
    """Render a full page in the shell. live: whether its state changes by itself (one SSE connection)."""
    ctx = context()
    shell = {
        "title": title,
        "crumbs": list(crumbs) or [(title, None)],
        "nav": navigation(ctx),
        "teams": [
            {"id": team.id, "name": team.name, "current": team.id == ctx.principal.team_id}
            for team in identity.teams_of(ctx.db, ctx.principal.user_id)
        ],
        "gauge_url": next((panel["url"] for panel in panels(ctx, "gauge")), ""),
        "stream_url": _stream_url(values.get("log")) if live else "",
    }
    return render_template(template, **shell, **values)


def _stream_url(log: Mapping[str, Any] | None) -> str:
    """The page's one open connection, beginning where this request began, so that nothing falls between."""
    offset = log["end"] if log else 0
    watched = f"&log={log['workload']}" if log else ""
    return f"/stream?last_event_id={g.events_head}.{offset}{watched}"


def fragment(template: str, **values: Any) -> str:
    """Render a part of a page, for htmx and for the first load alike."""
    return render_template(template, **values)


def navigation(ctx: Context) -> list[dict[str, Any]]:
    """The lines of the sidebar that this principal may use."""
    items = sorted(
        (item for pages in ctx.registry.pages for item in pages.nav), key=lambda item: item.order
    )
    return [
        {
            "title": item.title,
            "url": url,
            "icon": item.icon,
            "admin": item.admin,
            "active": request.path.startswith(url),
        }
        for item in items
        if ctx.principal.is_admin or not item.admin
        if (url := url_of(item.endpoint))
    ]


def url_of(endpoint: str, **ids: Any) -> str:
    """Its path, or "" when there is no such endpoint with these ids: that line or box is left out.

    The admin's page says so, from `unreachable`.
    """
    try:
        return url_for(endpoint, **ids)
    except BuildError:
        return ""


def unreachable(app: Flask, registry: Registry) -> list[tuple[str, str]]:
    """What `url_of` leaves out, as (plugin, reason)."""
    wanted: list[tuple[str, str, str, dict[str, str]]] = [
        (
            registry.owners["register_panels", panel.endpoint],
            f"panel {panel.title}",
            panel.endpoint,
            {},
        )
        for panel in registry.panels
    ]
    for plugin, contribution in registry.owned_pages():
        wanted += [(plugin, f"line {item.title}", item.endpoint, {}) for item in contribution.nav]
        wanted += [
            (plugin, f"tab {tab.title}", tab.endpoint, {"project_id": "pr"})
            for tab in contribution.tabs
        ]
    with app.test_request_context():
        return [
            (
                plugin,
                f"the {what} is left out: no page {endpoint} takes {', '.join(ids) or 'no ids'}",
            )
            for plugin, what, endpoint, ids in wanted
            if not url_of(endpoint, **ids)
        ]


def panels(ctx: Context, slot: str) -> list[dict[str, str]]:
    """The boxes that plugins put at a place; each is a URL of its own."""
    return [
        {"title": panel.title, "url": url}
        for panel in ctx.registry.panels
        if panel.slot == slot and (url := url_of(panel.endpoint))
    ]


def project_tabs(project_id: str) -> list[dict[str, Any]]:
    """The tabs of a project, from the plugins that have one."""
    tabs = sorted(
        (tab for pages in context().registry.pages for tab in pages.tabs), key=lambda tab: tab.order
    )
    return [
        {
            "title": tab.title,
            "url": url,
            "active": request.endpoint == tab.endpoint,
        }
        for tab in tabs
        if (url := url_of(tab.endpoint, project_id=project_id))
    ]


def project_frame(project_id: str, name: str) -> dict[str, Any]:
    """What the template of every tab of a project needs."""
    return {
        "project": {"id": project_id, "name": name},
        "tabs": project_tabs(project_id),
        "crumbs": [("Projects", "/projects"), (name, None)],
    }


def command_line(ctx: Context, words: str, **options: str) -> str:
    """`appliance projects create --name x` as a form shows it, quoted for a shell; "" if no verb has these words."""
    if not any(
        openapi.words_of(resource, verb) == words
        for resource in ctx.registry.api_resources.values()
        for verb in resource.verbs
    ):
        return ""
    pairs = [(f"--{name.replace('_', '-')}", value) for name, value in options.items() if value]
    return shlex.join(["appliance", *words.split(), *(part for pair in pairs for part in pair)])


def error_page(status: int, message: str, hint: str, issues: Sequence[str] = ()) -> str:
    """A page that says what went wrong and what to do next. Without the shell, which may be what is broken."""
    return render_template(
        "error.html", title=_TITLES.get(status, "That did not work"), code=status, message=message, hint=hint,
        issues=list(issues), back_url="/",
    )  # fmt: skip


def sign_in_url() -> str:
    """Where to sign in, to come back here."""
    target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return f"/login?next={quote(target)}"


def local_path(text: str) -> str:
    """The text if it is a path on this site, else "/": nobody is sent elsewhere after signing in."""
    return text if is_local_path(text) else "/"


def done(url: str, message: str = "") -> Response:
    """After a change: say so and show the result by GET."""
    if message:
        flash(message, "success")
    return redirect(url, code=303)


home = Blueprint("home", __name__)


@home.get("/")
def index() -> str:
    """What is running, what waits, what failed: the boxes that plugins put on the home page."""
    ctx = context()
    if ctx.principal is NOBODY:
        return redirect(sign_in_url(), code=303)  # type: ignore[return-value]
    return page("home.html", "Home", panels=panels(ctx, "home"), disk=room.space(ctx.config.paths))


def _static_url() -> Callable[[str], str]:
    """URL of a static file with a version, so that browsers may keep it for ever."""
    versions: dict[str, str] = {}

    def static_url(path: str) -> str:
        if path not in versions:
            versions[path] = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:10]
        return f"/static/{path}?v={versions[path]}"

    return static_url


def install(app: Flask, clock: Clock) -> None:
    """Add to the application what templates use, and the headers of every answer."""
    filters.install(app.jinja_env, clock)
    app.jinja_env.globals["static"] = _static_url()
    app.register_blueprint(home)

    @app.before_request
    def _nonce() -> None:
        g.csp_nonce = secrets.token_urlsafe(12)

    @app.context_processor
    def _common() -> dict[str, Any]:
        ctx = getattr(g, "ctx", None)
        return {
            "principal": None if ctx is None or ctx.principal is NOBODY else _shown(ctx),
            "csrf_token": auth.csrf_token(ctx) if ctx else "",
            "csp_nonce": g.csp_nonce,
            "flashes": [
                {"kind": item[0], "text": item[1]}
                for item in get_flashed_messages(with_categories=True)
            ],
            "search_enabled": "search.results" in app.view_functions,
            "shared_origin": ctx is not None and ctx.config.origin_mode == "port",
        }

    @app.after_request
    def _headers(response: Any) -> Any:
        nonce = g.get("csp_nonce", "")
        response.headers.setdefault(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self';"
            f" style-src 'self' 'nonce-{nonce}'; frame-src 'self'; form-action 'self'; base-uri 'none';"
            " frame-ancestors 'none'",
        )
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _shown(ctx: Context) -> dict[str, Any]:
    names = {team.id: team.name for team in identity.teams_of(ctx.db, ctx.principal.user_id)}
    return {
        "user_name": ctx.principal.user_name,
        "team_name": names.get(ctx.principal.team_id, ""),
        "is_admin": ctx.principal.is_admin,
    }
