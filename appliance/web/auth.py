"""From a request to its principal, and the checks that keep other sites from speaking in a user's name."""

from __future__ import annotations

import hmac

from werkzeug.wrappers import Request, Response

from appliance import api_keys, gate, sessions
from appliance.access import NOBODY, Principal
from appliance.config import Config
from appliance.context import Context
from appliance.errors import Forbidden, NotFound, Unauthenticated
from appliance.runtime.tokens import workload_principal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
KEY_HEADER = "X-API-Key"  # what older clients send instead of Authorization
# nginx sets it: "ui", "workload" on the address that only containers reach, "gateway" for what only nginx asks
VIA_HEADER = "X-Appliance-Via"


def cookie_name(config: Config) -> str:
    """`__Host-` (no other host can set it) wherever browsers allow it, which is over TLS."""
    return "__Host-appliance_session" if config.tls_cert else "appliance_session"


def require_gateway(request: Request) -> None:
    """Refuse what does not come from nginx itself."""
    if request.headers.get(VIA_HEADER) != "gateway":
        raise NotFound("no such address")


def authenticate(ctx: Context, request: Request) -> Principal:
    """Whom the request is from; NOBODY without a credential. A bad credential raises Unauthenticated."""
    if names_credential(request):
        return _by_token(ctx, _token(request))
    from_workload = request.headers.get(VIA_HEADER) == "workload"
    token = request.cookies.get(cookie_name(ctx.config), "")
    if not token or from_workload:
        return NOBODY
    return gate.session_principal(ctx.db, sessions.find(ctx.db, token))


def names_credential(request: Request) -> bool:
    """Whether a header says who it is from. Cookies count for nothing then."""
    return bool(request.headers.get("Authorization") or request.headers.get(KEY_HEADER))


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        return token.strip() if scheme.lower() in ("bearer", "token") else ""
    return request.headers.get(KEY_HEADER, "").strip()


def _by_token(ctx: Context, token: str) -> Principal:
    principal = gate.key_principal(ctx.db, api_keys.find(ctx.db, token))
    if principal is NOBODY:
        principal = workload_principal(ctx.db, ctx.keys, token)
    if principal is NOBODY:
        raise Unauthenticated("this API key is not valid (any more)", hint="make a new one")
    return principal


def check_door(principal: Principal, request: Request) -> None:
    """Refuse programs anywhere but at the API, where each verb says what they may do; pages are for people."""
    if principal.by in ("key", "workload") and not request.path.startswith("/v1/"):
        raise Forbidden("pages are for browsers", hint="programs use the API below /v1")


def csrf_token(ctx: Context) -> str:
    """What forms carry; bound to the session."""
    return ctx.keys.mac("csrf", ctx.principal.credential)


def check_origin(ctx: Context, request: Request) -> None:
    """Refuse a change that another site's page sent. Called for every unsafe method.

    Browsers send Origin with every such request and no page can forge it. A request by token needs no more: tokens are
    not sent by themselves; nor does one to the API from nobody, which can use no session. One by cookie must carry the
    token of its session as well.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin != request.host_url.rstrip("/"):
        raise Forbidden(
            "this request comes from another site", hint="use the appliance's own pages"
        )
    if names_credential(request) or _program_without_credential(ctx, request):
        return
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not hmac.compare_digest(given.encode(), csrf_token(ctx).encode()):
        raise Forbidden("this form is too old", hint="go back, reload the page and send it again")


def _program_without_credential(ctx: Context, request: Request) -> bool:
    """Whoever calls the API as nobody is told to sign in, not that a form is too old: there is no name to speak in."""
    return ctx.principal is NOBODY and request.path.startswith("/v1/")


def set_session(response: Response, config: Config, token: str) -> None:
    """Put a session into the browser."""
    response.set_cookie(
        cookie_name(config),
        token,
        max_age=sessions.SESSION_MS // 1000,
        httponly=True,
        samesite="Lax",
        secure=bool(config.tls_cert),
        path="/",
    )


def clear_session(response: Response, config: Config) -> None:
    """Take it out again."""
    response.delete_cookie(
        cookie_name(config), path="/", secure=bool(config.tls_cert), httponly=True, samesite="Lax"
    )
