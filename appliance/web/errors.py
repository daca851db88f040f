"""The only place that knows HTTP status numbers: errors of the domain as pages or as `{code, message}`."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, jsonify, redirect, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from appliance import errors
from appliance.web import pages

log = logging.getLogger(__name__)

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


def invalid(error: ValidationError) -> errors.Invalid:
    """A pydantic error as ours, one issue per field, each naming its path."""
    issues = tuple(
        f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {_plain(item)}"
        for item in error.errors()
    )
    return errors.Invalid("; ".join(issues[:5]), issues=issues)


def _plain(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown field"
    text = str(item["msg"])
    return text[:1].lower() + text[1:]


def wants_json() -> bool:
    """Whether the answer is for a program."""
    if request.path.startswith(("/v1/", "/internal/")):
        return True
    return (
        request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    )


def answer(status: int, message: str, hint: str = "", issues: tuple[str, ...] = ()) -> Response:
    """An error as JSON or as a page."""
    if wants_json():
        reply = jsonify(envelope(status, f"{message}: {hint}" if hint else message, issues))
    else:
        reply = Response(pages.error_page(status, message, hint, issues))
    reply.status_code = status
    return reply


def install(app: Flask) -> None:
    """Make the application answer errors this way."""

    @app.errorhandler(errors.ApplianceError)
    def _domain(error: errors.ApplianceError) -> Any:
        status = status_of(error)
        if status == 401 and request.method == "GET" and not wants_json():
            return redirect(pages.sign_in_url(), code=303)
        if status == 500:
            log.error("%s", error)
        return answer(status, error.message, error.hint, error.issues)

    @app.errorhandler(ValidationError)
    def _validation(error: ValidationError) -> Any:
        found = invalid(error)
        return answer(400, found.message, found.hint, found.issues)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Any:
        status = error.code or 500
        if status < 400:
            return error
        if status == 404:
            return answer(status, "there is nothing at this address", "check it")
        return answer(status, (error.description or error.name).rstrip("."))

    @app.errorhandler(500)
    def _bug(error: HTTPException) -> Any:
        return answer(
            500,
            "something went wrong on our side",
            "try again; an admin finds the reason in web's log",
        )
