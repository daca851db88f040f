"""JSON under /v1, made from what plugins declare: one route per verb, parsed at the edge, answered in one shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel

from appliance.access import require_admin, require_user
from appliance.context import Context
from appliance.errors import Forbidden, Invalid
from appliance.plugins.contracts import ApiResource, Verb
from appliance.schema import Body, Page
from appliance.web import openapi
from appliance.web.pages import context

MAX_BODY_BYTES = 1 << 20
IGNORED_HEADER = "X-Appliance-Ignored"
DOCUMENT_HEADER = "X-Appliance-Document"  # a client whose copy has another one fetches it again
WHICH = {"session": "a browser's session", "key": "an API key", "workload": "a workload's token"}


def blueprint(resources: Iterable[ApiResource], document: Mapping[str, Any]) -> Blueprint:
    """All routes of these resources, and the document that describes them."""
    api = Blueprint("api", __name__, url_prefix="/v1")
    for resource in resources:
        for verb in resource.verbs:
            rule = verb.path.replace("{", "<").replace("}", ">")
            endpoint = f"{resource.name}:{verb.name}"
            api.add_url_rule(rule, endpoint, _view(verb), methods=[verb.method])
    api.add_url_rule("/health", "health", health)
    text, version = openapi.encoded(document)

    @api.get("/openapi.json")
    def describe() -> Response:
        """All this, for programs."""
        reply = Response(text, mimetype="application/json")
        reply.set_etag(version)
        reply.headers["Cache-Control"] = "no-cache"
        reply.make_conditional(request)
        return reply

    @api.after_request
    def _name_document(reply: Response) -> Response:
        reply.headers[DOCUMENT_HEADER] = version
        return reply

    return api


def health() -> Response:
    """Whether the API is up; touches the database, so that a broken one shows."""
    context().db.conn.execute("SELECT 1")
    return jsonify("HEALTHY")


def _view(verb: Verb) -> Callable[..., Any]:
    def view(**ids: str) -> Any:
        ctx, given = context(), dict[str, Any](ids)
        _admit(ctx, verb)
        ignored: list[str] = []
        if verb.body is not None:
            given["body"], ignored = parse_body(verb.body)
        if verb.query is not None:
            given["query"] = verb.query.model_validate(_query(verb))
        reply = jsonify(plain(verb.run(ctx, **given)))
        if ignored:
            reply.headers[IGNORED_HEADER] = ", ".join(ignored)
        return reply

    return view


def _admit(ctx: Context, verb: Verb) -> None:
    """What a declaration says of who gets in at all. Roles are the services' business."""
    if verb.access == "public":
        return
    principal = require_user(ctx)
    if verb.access == "admin":
        require_admin(ctx)
    if principal.by not in (*verb.by, ""):
        allowed = " or ".join(WHICH[kind] for kind in verb.by)
        raise Forbidden(f"{WHICH[principal.by]} can't do this", hint=f"use {allowed}")


def _query(verb: Verb) -> dict[str, Any]:
    """The query's parameters; those of a DELETE may come in a body, where an official client puts them."""
    given = json_body() if verb.method == "DELETE" and verb.body is None else {}
    return {**given, **request.args.to_dict()}


def parse_body(model: type[BaseModel]) -> tuple[BaseModel, list[str]]:
    """The request's JSON object as the model, and the names of fields that were given and mean nothing here."""
    given = json_body()
    ignored: list[str] = []
    if issubclass(model, Body):
        ignored = sorted(model.ignored() & given.keys())
        given = {key: value for key, value in given.items() if key not in ignored}
    return model.model_validate(given), ignored


def json_body() -> dict[str, Any]:
    """The request's JSON object, {} without a body; Invalid for anything else."""
    if request.content_length is not None and request.content_length > MAX_BODY_BYTES:
        raise Invalid(f"the body is larger than {MAX_BODY_BYTES} bytes")
    text = request.get_data(cache=False) or b"{}"
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("the body is not valid JSON") from None
    if not isinstance(given, dict):
        raise Invalid("the body must be a JSON object")
    return given


def plain(result: Any) -> Any:
    """What a service returned as JSON values."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json", by_alias=True)
    if isinstance(result, Page):
        return {
            "items": [plain(item) for item in result.items],
            "hasMore": result.next_page is not None,
            "nextPage": result.next_page,
        }
    if isinstance(result, list):
        return [plain(item) for item in result]
    return result
