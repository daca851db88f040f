"""What only nginx asks: may this request go to users' code, and what to show while nothing answers there."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request

from appliance import gate, sessions
from appliance.access import NOBODY, Principal
from appliance.context import Context
from appliance.db import write
from appliance.errors import Unauthenticated
from appliance.gate import Service
from appliance.runtime import holders, workloads
from appliance.web import auth
from appliance.web.pages import context, local_path
from appliance.web.status import envelope

GATE_COOKIE = "gate"
NOTHING_THERE = "unix:/nonexistent:"  # nginx answers 502 at once, and the starting page takes over

blueprint = Blueprint("internal", __name__)


def _service() -> Service:
    return gate.parse(request.headers.get("X-Service", ""))


def _visitor(ctx: Context, service: Service) -> Principal:
    """By the gate cookie of this service, else by API key; Unauthenticated for nobody."""
    if request.headers.get("Authorization"):
        return auth.authenticate(ctx, request)
    session = sessions.find_gate(ctx.db, request.cookies.get(GATE_COOKIE, ""), service.text)
    principal = gate.session_principal(ctx.db, session)
    if principal is NOBODY:
        raise Unauthenticated("not signed in here")
    return principal


@blueprint.get("/internal/authorize")
def authorize() -> Response:
    """200 with X-Upstream for a principal that may enter; nginx keeps a way for two seconds."""
    service = _service()
    ctx = context()
    ctx = ctx.acting_as(_visitor(ctx, service))
    gate.admit(ctx, service)
    route = workloads.route_to(ctx.db, service.kind, service.target)
    client = request.headers.get("X-Client")
    if client:
        server = request.headers.get("X-Server", "")
        holders.record(
            ctx.db,
            client,
            server,
            service.kind,
            service.target,
            ctx.principal.user_id,
            ctx.principal.credential,
        )
    reply = Response(status=200)
    reply.headers["X-Upstream"] = route.upstream if route else NOTHING_THERE
    if route is None:
        reply.headers["X-Passing"] = "1"  # not kept: what starts is reached as soon as it answers
    reply.headers["X-User"] = ctx.principal.user_name
    return reply


@blueprint.get("/internal/enter")
def enter() -> Any:
    """Trade a one-time ticket for the gate cookie of one service, on the origin of users' code."""
    ctx = context()
    with write(ctx.db) as db:
        redeemed = sessions.redeem_ticket(db, request.args.get("ticket", ""))
    if redeemed is None:
        raise Unauthenticated(
            "this link was used already or is too old", hint="open the notebook from its page again"
        )
    service, token = redeemed
    path = f"/{service}/"
    target = local_path(request.args.get("next", path))
    reply = redirect(target if target.startswith(path) else path, code=303)
    reply.set_cookie(
        GATE_COOKIE,
        token,
        path=path,
        httponly=True,
        samesite="Lax",
        secure=bool(ctx.config.tls_cert),
    )
    reply.headers["Referrer-Policy"] = "no-referrer"
    return reply


@blueprint.route(
    "/internal/starting", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
)
def starting() -> Any:
    """What a notebook's own URL shows while nothing answers there. nginx has authorised the request."""
    service, ctx = _service(), context()
    workload = workloads.latest(ctx.db, [service.target]).get(service.target)
    state = workload.state if workload else "stopped"
    on_its_way = bool(workload and workload.live and workload.wanted == "run")
    # The original path lies outside /v1, so the errors module would answer with a page; this is for both.
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        reply = jsonify(envelope(503, f"the notebook is {state}: try again in a moment"))
    else:
        reply = Response(
            render_template(
                "starting.html",
                name=workload.label if workload else "This notebook",
                state="starting" if state == "running" else state,
                on_its_way=on_its_way,
                message=workload.message if workload else "",
                last_step=workload.step if workload else "",
                position=(workload.wait_position or None) if workload else None,
                page_url=f"{gate.ui_origin(ctx, request.host)}/notebooks/{service.target}",
                csp_nonce=g.csp_nonce,
            )
        )
    reply.status_code = 503
    reply.headers["Retry-After"] = "1"
    return reply


def _next(query: str) -> str:
    """What stands behind `next=`, to the end: nginx adds the visitor's address there as it came, unescaped."""
    return unquote(query.partition("next=")[2])


@blueprint.get("/open/<kind>/<target>")
def open_service(kind: str, target: str) -> Any:
    """From the UI to users' code: a one-time ticket, handed over by a redirect to the other origin."""
    ctx, service = context(), Service(kind, target)
    if ctx.principal.kind != "user":
        raise Unauthenticated("sign in first")
    gate.admit(ctx, service)
    with write(ctx.db) as db:
        ticket = sessions.issue_ticket(db, ctx.principal.credential, service.text)
    following = _next(request.query_string.decode("latin-1")) or f"/{service.text}/lab"
    origin = gate.users_origin(ctx, service, request.host)
    return redirect(f"{origin}/_enter?ticket={quote(ticket)}&next={quote(following)}", code=303)
