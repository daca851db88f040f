"""Errors of the domain as pages, or as `{code, message}` for programs."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, jsonify, redirect, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from appliance import errors
from appliance.web import pages, words
from appliance.web.status import envelope, status_of

log = logging.getLogger(__name__)


def invalid(error: ValidationError) -> errors.Invalid:
    """A pydantic error as ours, one issue per field, each naming its path."""
    issues = tuple(
        f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {words.plain(item)}"
        for item in error.errors()
    )
    return errors.Invalid("; ".join(issues[:5]), issues=issues)


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
