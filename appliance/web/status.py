"""HTTP status numbers: no other module knows them. Free of Flask, which not every process needs."""

from __future__ import annotations

from typing import Any

from appliance import errors

STATUS: dict[type[errors.ApplianceError], int] = {
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Refused: 412,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_SUPPORTED",
    408: "TIMEOUT",
    409: "CONFLICT",
    412: "PRECONDITION_FAILED",
    413: "PAYLOAD_TOO_LARGE",
    415: "BAD_REQUEST",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
    503: "INTERNAL_SERVER_ERROR",
}


def status_of(error: errors.ApplianceError) -> int:
    """The status of an error, by its class or the nearest one above it."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def envelope(status: int, message: str, issues: tuple[str, ...] = ()) -> dict[str, Any]:
    """`{code, message}` and `issues` when there are some: official clients throw on any other key."""
    body: dict[str, Any] = {"code": CODES.get(status, "INTERNAL_SERVER_ERROR"), "message": message}
    if issues:
        body["issues"] = [{"message": issue} for issue in issues]
    return body
