"""The API for people: the OpenAPI document as a page, each operation with its address, command and method."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint

from appliance.access import require_user
from appliance.client import document as client
from appliance.client import options
from appliance.web.openapi import EXTENSION
from appliance.web.pages import context, page

Document = Mapping[str, Any]
WHO = {
    "public": "anybody",
    "user": "whoever is signed in",
    "team": "members of the team",
    "admin": "admins of this appliance",
}


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a body or of an answer. type: in words."""

    name: str
    type: str
    help: str = ""
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """All that the page says of one operation."""

    id: str
    method: str
    path: str
    summary: str
    who: str
    permission: str
    parameters: list[Field]
    body: list[Field]
    answer: str
    fields: list[Field]
    command: str
    python: str
    curl: str


def blueprint(document: Document) -> Blueprint:
    """The page at /docs/api. Made once: the document never changes while a process runs."""
    pages = Blueprint("reference", __name__)
    pages.add_url_rule("/docs/api", "api", partial(_show, groups(document)))
    return pages


def _show(found: Mapping[str, list[Operation]]) -> str:
    require_user(context())
    return page("reference.html", "API", live=False, groups=found)


def groups(document: Document) -> dict[str, list[Operation]]:
    """The operations under the title of their resource, in alphabetical order of the titles."""
    titles = {tag["name"]: tag["description"] for tag in document["tags"]}
    found: dict[str, list[Operation]] = {title: [] for title in titles.values()}
    called = {one.id: one for one in client.Document(document).operations.values()}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            call = called[operation["operationId"]]
            shown = _operation(document, path, method.upper(), operation, call)
            found[titles[operation["tags"][0]]].append(shown)
    return {title: operations for title, operations in sorted(found.items()) if operations}


def _operation(
    document: Document, path: str, method: str, given: Mapping[str, Any], call: client.Operation
) -> Operation:
    extension = given[EXTENSION]
    parameters = [
        Field(p["name"], type_of(p["schema"]), p.get("description", ""), p["required"])
        for p in given["parameters"]
    ]
    body = _body_fields(document, given)
    answer = given["responses"]["200"]["content"]["application/json"]["schema"]
    who = WHO[extension["access"]]
    if extension["access"] == "team" and extension["role"] != "member":
        who = f"{extension['role']}s of the team"
    return Operation(
        id=given["operationId"],
        method=method,
        path=f"/v1{path}",
        summary=given["summary"],
        who=(
            f"{who}, with {' or '.join(extension['by'])}"
            if extension["access"] != "public"
            else who
        ),
        permission=extension["permission"],
        parameters=parameters,
        body=body,
        answer=type_of(answer),
        fields=_fields(document, _element(answer)),
        command=_command(call) if call.takes_keys else "",
        python=_python(call) if call.takes_keys else "",
        curl=_curl(method, path, body) if call.takes_keys else "",
    )


def _body_fields(document: Document, given: Mapping[str, Any]) -> list[Field]:
    if "requestBody" not in given:
        return []
    return _fields(document, given["requestBody"]["content"]["application/json"]["schema"])


def _fields(document: Document, schema: Mapping[str, Any]) -> list[Field]:
    """The fields of an object; none for anything else."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found = document["components"]["schemas"][name] if name else schema
    return [
        Field(key, type_of(value), value.get("description", ""), key in found.get("required", ()))
        for key, value in found.get("properties", {}).items()
        if not value.get("deprecated")
    ]


def _element(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a page or a list consists of, else the schema itself."""
    items: Mapping[str, Any] | None = schema.get("items")
    inner = schema.get("properties", {}).get("items", {}).get("items")
    return inner or items or schema


def type_of(schema: Mapping[str, Any]) -> str:
    """A schema in words: "string", "date-time or null", "list of Tag", "page of Project"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if "nextPage" in schema.get("properties", {}):
        return f"page of {type_of(_element(schema))}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {type_of(schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("type") or "any")


def _command(call: client.Operation) -> str:
    ids = [client.snake(field.name).upper() for field in call.ids]
    shown = options.names(call)
    needed = [
        f"--{shown[options.kebab(field.name)]} {client.snake(field.name).upper()}"
        for field in call.options
        if field.required
    ]
    return " ".join(["appliance", *call.words, *ids, *needed])


def _python(call: client.Operation) -> str:
    given = [field.python for field in call.ids]
    given += [f"{field.python}=…" for field in call.options if field.required]
    return f"client.{'.'.join(map(client.snake, call.words))}({', '.join(given)})"


def _curl(method: str, path: str, body: list[Field]) -> str:
    words = ["curl"] if method == "GET" else ["curl", "-X", method]
    words += ["-H", '"Authorization: Bearer $APPLIANCE_API_KEY"']
    if body:
        example = json.dumps(
            {field.name: "…" for field in body if field.required}, ensure_ascii=False
        )
        words += ["-H", "'Content-Type: application/json'", "-d", shlex.quote(example)]
    return " ".join([*words, f'"$APPLIANCE_URL/v1{path}"'])
