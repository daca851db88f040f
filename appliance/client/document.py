"""The server's OpenAPI document as what a client needs: which words there are, and what each of them takes and answers."""

from __future__ import annotations

import contextlib
import difflib
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote

EXTENSION = "x-appliance"
METHODS = ("get", "post", "put", "patch", "delete")
Schema = Mapping[str, Any]
Words = tuple[str, ...]
Where = Literal["path", "query", "body"]
# What a value is, as far as options and types tell them apart; "structure" is any other JSON.
Shape = Literal["string", "integer", "number", "boolean", "mapping", "list", "structure"]


def snake(name: str) -> str:
    """`projectId` and `list-project` as Python's names have it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def python_name(name: str) -> str:
    """As an argument or an attribute: `class` is `class_`."""
    found = snake(name)
    return f"{found}_" if keyword.iskeyword(found) else found


@dataclass(frozen=True)
class Field:
    """Something that an operation takes. schema: without references, without null. ignored: it has no meaning here."""

    name: str
    where: Where
    schema: Schema
    shape: Shape
    required: bool = False
    ignored: bool = False

    @property
    def python(self) -> str:
        return python_name(self.name)


@dataclass(frozen=True)
class Request:
    """What goes over the wire. body: None = no body."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Mapping[str, Any] | None


@dataclass(frozen=True)
class Operation:
    """A word that can be called. reply: the schema of the answer, of one item for pages and lists.

    until: states in which what it began is over, the wanted one first; empty when it begins nothing.
    """

    id: str
    words: Words
    method: str
    path: str
    summary: str
    kind: Literal["object", "page", "list", "log"]
    fields: tuple[Field, ...]
    has_body: bool
    reply: Schema
    columns: tuple[str, ...]
    until: tuple[str, ...]
    details: Mapping[str, Any]

    @cached_property
    def ids(self) -> tuple[Field, ...]:
        """What its path names, in order."""
        return tuple(field for field in self.fields if field.where == "path")

    @cached_property
    def options(self) -> tuple[Field, ...]:
        """All it takes besides."""
        return tuple(field for field in self.fields if field.where != "path")

    @cached_property
    def takes_keys(self) -> bool:
        """Whether an API key may do it; the rest is for a browser's session or a workload."""
        by = self.details.get("by", ("key",))
        return self.details.get("access") == "public" or "key" in by

    def request(self, values: Mapping[str, Any]) -> Request:
        """The request with these values, by the API's names. TypeError names what it does not take or lacks."""
        known = {field.name: field for field in self.fields}
        unknown = [snake(name) for name in values if name not in known]
        lacking = [f.python for f in self.fields if f.required and f.name not in values]
        for problem, names in (("does not take", unknown), ("needs", lacking)):
            if names:
                raise TypeError(f"{'.'.join(self.words)} {problem} {', '.join(names)}")
        parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
        for name, value in values.items():
            parts[known[name].where][name] = value
        path = self.path
        for name, value in parts["path"].items():
            path = path.replace("{" + name + "}", quote(str(value), safe=""))
        query = {name: value for name, value in parts["query"].items() if value is not None}
        return Request(self.method, path, query, parts["body"] if self.has_body else None)


class Document:
    """One version of the document. version: what the server calls it, "" for a document of unknown origin."""

    def __init__(self, raw: Mapping[str, Any], version: str = "") -> None:
        self.raw, self.version = raw, version

    @cached_property
    def operations(self) -> Mapping[Words, Operation]:
        """All operations by their words; without those that a newer server describes in a way unknown here."""
        found = {}
        for path, item in self.raw.get("paths", {}).items():
            for method in METHODS:
                if method in item and EXTENSION in item[method]:
                    with contextlib.suppress(KeyError, TypeError, AttributeError):
                        operation = self._operation(method.upper(), path, item[method])
                        found[operation.words] = operation
        return found

    def below(self, words: Words) -> list[str]:
        """The next words after these."""
        size = len(words)
        found = (known[size] for known in self.operations if known[:size] == words != known)
        return sorted(set(found))

    def title(self, words: Words) -> str:
        """What a group of words is about: the name of its resource, else the words themselves."""
        tags = {tag["name"]: tag.get("description", "") for tag in self.raw.get("tags", ())}
        owners = [
            one.id.partition(".")[0] for one in self.operations.values() if one.words[0] == words[0]
        ]
        own = snake(words[0])
        name = own if own in tags or not owners else owners[0]
        return tags.get(name, "") if len(words) == 1 else " ".join(words)

    def similar(self, words: Words) -> list[str]:
        """Known next words that look like the last of these."""
        return difflib.get_close_matches(words[-1], self.below(words[:-1]), n=3)

    def details_of(self, operation: Operation) -> Operation | None:
        """How to read again what an operation answered: the resource's `get`, if that takes one id."""
        wanted = f"{operation.id.partition('.')[0]}.get"
        found = (one for one in self.operations.values() if one.id == wanted and len(one.ids) == 1)
        return next(found, None)

    def resolve(self, schema: Schema) -> Schema:
        """The schema itself behind a reference, and what it is when it is not null."""
        while True:
            choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
            if "$ref" in schema:
                schema = self.raw["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            elif "allOf" in schema and len(schema["allOf"]) == 1:
                schema = schema["allOf"][0]
            elif len(choices) == 1:
                schema = choices[0]
            else:
                return schema

    def shape(self, schema: Schema) -> Shape:
        """What kind of value this resolved schema describes."""
        kind = schema.get("type")
        if kind in ("string", "integer", "number", "boolean"):
            found: Shape = kind
            return found
        if kind == "array" and self._is_simple(schema.get("items", {})):
            return "list"
        values = schema.get("additionalProperties")
        patterns = list(schema.get("patternProperties", {}).values())
        if kind == "object" and not schema.get("properties"):
            if all(self._is_simple(one) for one in (*patterns, *([values] if values else ()))):
                return "mapping" if patterns or values else "structure"
        return "structure"

    def _is_simple(self, schema: Any) -> bool:
        if not isinstance(schema, Mapping):
            return False
        return self.resolve(schema).get("type") in ("string", "integer", "number")

    def _operation(self, method: str, path: str, raw: Mapping[str, Any]) -> Operation:
        own = raw[EXTENSION]
        answer = raw["responses"]["200"]["content"]["application/json"]["schema"]
        if own["kind"] == "page":
            answer = answer["properties"]["items"]
        if own["kind"] in ("page", "list"):
            answer = answer["items"]
        return Operation(
            id=raw["operationId"],
            words=tuple(own["words"].split()),
            method=method,
            path=path,
            summary=raw.get("summary", ""),
            kind=own["kind"],
            fields=tuple(self._fields(raw)),
            has_body="requestBody" in raw,
            reply=answer,
            columns=tuple(own["columns"]),
            until=tuple(own.get("until", ())),
            details=own,
        )

    def _fields(self, raw: Mapping[str, Any]) -> Iterator[Field]:
        for parameter in raw.get("parameters", ()):
            yield self._field(
                parameter["name"], parameter["in"], parameter["schema"], parameter.get("required")
            )
        if "requestBody" in raw:
            body = self.resolve(raw["requestBody"]["content"]["application/json"]["schema"])
            needed = body.get("required", ())
            for name, schema in body.get("properties", {}).items():
                yield self._field(name, "body", schema, name in needed)

    def _field(self, name: str, where: Where, schema: Schema, required: bool | None) -> Field:
        found = {**self.resolve(schema), **{k: v for k, v in schema.items() if k in _ABOUT}}
        ignored = bool(found.get("deprecated"))
        shape = self.shape(found)
        if (
            ignored and "type" not in found
        ):  # the document does not say: a flag by its name, else a text
            shape = "boolean" if re.match(r"is[A-Z]", name) else "string"
        return Field(name, where, found, shape, bool(required), ignored)


_ABOUT = ("description", "default", "deprecated")
