"""The OpenAPI 3.1 document of the API, made from what plugins declare.

The CLI, the SDK and the reference pages read this document, not the declarations: what a third-party plugin adds is in
all of them. What OpenAPI has no word for stands under `x-appliance` of each operation.
Source of the format: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import hashlib
import json
import types
import typing
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from appliance.errors import PluginError
from appliance.plugins.contracts import ApiResource, Verb
from appliance.plugins.registry import permission_of
from appliance.schema import Body, LogPart, Page

REF = "#/components/schemas/{model}"
EXTENSION = "x-appliance"
ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string", "description": "what went wrong, and the next step"},
        "issues": {
            "type": "array",
            "items": {"type": "object", "properties": {"message": {"type": "string"}}},
        },
    },
}
HEALTH = {  # not of a plugin: it answers also when none could be loaded
    "operationId": "health.get",
    "summary": "Whether the API is up",
    "tags": ["health"],
    "security": [],
    "parameters": [],
    "responses": {
        "200": {
            "description": "it is",
            "content": {"application/json": {"schema": {"const": "HEALTHY", "type": "string"}}},
        }
    },
    EXTENSION: {
        "kind": "object",
        "words": "health",
        "permission": "",
        "access": "public",
        "role": "member",
        "by": [],
        "columns": [],
    },
}
Answer = tuple[str, type[BaseModel] | None]  # ("page", ProjectReply)


def document(resources: Iterable[ApiResource]) -> dict[str, Any]:
    """The whole document as JSON values. PluginError names a verb whose answer is not declared."""
    found = list(resources)
    check_words(found)
    schemas, references = _schemas(found)
    paths: dict[str, dict[str, Any]] = {"/health": {"get": HEALTH}}
    for resource in found:
        for verb in resource.verbs:
            item = paths.setdefault(documented_path(verb), {})
            item[verb.method.lower()] = _operation(resource, verb, references, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Appliance", "version": metadata.version("appliance")},
        "servers": [{"url": "/v1"}],
        "security": [{"key": []}],
        "tags": [
            {"name": "health", "description": "Health"},
            *({"name": item.name, "description": item.title or item.name} for item in found),
        ],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def encoded(found: Mapping[str, Any]) -> tuple[str, str]:
    """The document as it is sent, and its version: clients compare that with their copy's."""
    text = json.dumps(found, separators=(",", ":"))
    return text, hashlib.sha256(text.encode()).hexdigest()[:16]


def answer_of(verb: Verb) -> Answer:
    """What a verb answers: ("object" | "page" | "list" | "log", model), from the annotation of its function."""
    returned, _ = _returned(verb)
    origin, arguments = typing.get_origin(returned), typing.get_args(returned)
    kind = "page" if origin is Page else "list" if origin is list else "object"
    model = arguments[0] if arguments else returned
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginError(
            f"{verb.path}: the return annotation of {verb.run.__name__} must be a model, Page[model] or list[model],"
            f" not {returned!r}"
        )
    return ("log" if model is LogPart else kind), model


def _returned(verb: Verb) -> tuple[Any, bool]:
    """The return annotation without `| None`, and whether it had that."""
    returned = typing.get_type_hints(verb.run).get("return")
    choices = typing.get_args(returned)
    if isinstance(returned, types.UnionType) and type(None) in choices and len(choices) == 2:
        return next(choice for choice in choices if choice is not type(None)), True
    return returned, False


def documented_path(verb: Verb) -> str:
    """With the names of its parameters in camel case, like all names of the API."""
    return "/".join(
        "{" + to_camel(part[1:-1]) + "}" if part.startswith("{") else part
        for part in verb.path.split("/")
    )


def path_names(verb: Verb) -> list[str]:
    """The names of a path's parameters, in order, as Python's arguments."""
    return [part[1:-1] for part in verb.path.split("/") if part.startswith("{")]


def words_of(resource: ApiResource, verb: Verb) -> str:
    """The command of a verb, such as "projects tags add"."""
    return verb.words or f"{resource.words or resource.name} {verb.name.replace('_', '-')}"


def check_words(resources: Iterable[ApiResource]) -> None:
    """PluginError when two verbs have one command, or the command of one is the beginning of another's."""
    owners: dict[tuple[str, ...], str] = {}
    groups: dict[tuple[str, ...], str] = {}
    for resource in resources:
        for verb in resource.verbs:
            words, name = tuple(words_of(resource, verb).split()), permission_of(resource, verb)
            above = [words[:size] for size in range(1, len(words))]
            other = owners.get(words) or groups.get(words) or _first(owners, above)
            if other:
                raise PluginError(
                    f"{name} can't be called `{' '.join(words)}`: {other} has these words"
                )
            owners[words] = name
            groups.update({prefix: name for prefix in above})


def _first(owners: dict[tuple[str, ...], str], words: list[tuple[str, ...]]) -> str:
    return next((owners[one] for one in words if one in owners), "")


References = dict[tuple[type[BaseModel], JsonSchemaMode], dict[str, Any]]


def _schemas(resources: list[ApiResource]) -> tuple[dict[str, Any], References]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for resource in resources:
        for verb in resource.verbs:
            model = answer_of(verb)[1]
            if model is not None:
                wanted[model, "serialization"] = None
            if verb.body is not None:
                wanted[verb.body, "validation"] = None
    references, definitions = models_json_schema(list(wanted), ref_template=REF)
    schemas: dict[str, Any] = definitions.get("$defs", {})
    for model, mode in wanted:
        if issubclass(model, Body) and mode == "validation":
            schema = schemas[references[model, mode]["$ref"].rpartition("/")[2]]
            for name in sorted(model.ignored()):
                schema.setdefault("properties", {})[name] = {
                    "description": "accepted, without a meaning here",
                    "deprecated": True,
                }
    return schemas, typing.cast(References, references)


def _operation(
    resource: ApiResource, verb: Verb, references: References, schemas: dict[str, Any]
) -> dict[str, Any]:
    kind, model = answer_of(verb)
    assert model is not None
    reply = references[model, "serialization"]
    if _returned(verb)[1]:
        reply = {"anyOf": [reply, {"type": "null"}]}
    operation: dict[str, Any] = {
        "operationId": f"{resource.name}.{verb.name}",
        "summary": verb.summary or _first_line(verb),
        "tags": [resource.name],
        "parameters": [*_path_parameters(verb), *_query_parameters(verb)],
        "responses": {"200": _content(_wrapped(kind, reply), "done"), "default": _failure()},
        EXTENSION: {
            "kind": kind,
            "words": words_of(resource, verb),
            "permission": permission_of(resource, verb),
            "access": verb.access,
            "role": verb.role,
            "by": list(verb.by),
            "columns": list(resource.columns),
            "until": list(verb.until),
        },
    }
    if verb.access == "public":
        operation["security"] = []
    if verb.body is not None:
        body = references[verb.body, "validation"]
        needed = bool(schemas[body["$ref"].rpartition("/")[2]].get("required"))
        operation["requestBody"] = {
            "required": needed,
            "content": {"application/json": {"schema": body}},
        }
    return operation


def _first_line(verb: Verb) -> str:
    text = (verb.run.__doc__ or verb.name.replace("_", " ").capitalize()).strip()
    return text.splitlines()[0].rstrip(".")


def _wrapped(kind: str, reply: dict[str, Any]) -> dict[str, Any]:
    items = {"type": "array", "items": reply}
    if kind == "list":
        return items
    if kind != "page":
        return reply
    return {
        "type": "object",
        "required": ["items", "hasMore", "nextPage"],
        "properties": {
            "items": items,
            "hasMore": {"type": "boolean"},
            "nextPage": {"type": ["string", "null"]},
        },
    }


def _content(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _failure() -> dict[str, Any]:
    return _content({"$ref": REF.format(model="Error")}, "it did not work; the message says why")


def _path_parameters(verb: Verb) -> list[dict[str, Any]]:
    return [
        {"name": to_camel(name), "in": "path", "required": True, "schema": {"type": "string"}}
        for name in path_names(verb)
    ]


def _query_parameters(verb: Verb) -> list[dict[str, Any]]:
    if verb.query is None:
        return []
    schema = verb.query.model_json_schema()
    needed = schema.get("required", [])
    found = []
    for name, field in schema.get("properties", {}).items():
        parameter = {"name": name, "in": "query", "required": name in needed, "schema": field}
        if "description" in field:
            parameter["description"] = field["description"]
        found.append(parameter)
    return found
