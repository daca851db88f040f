"""What the API answers, as Python objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from appliance.client.document import Document, Operation, Schema, python_name

Item = TypeVar("Item")


class Record:
    """An object of the API: its fields as attributes in snake case, moments as datetime with zone.

    Compares by content. `to_dict()` is what the server sent.
    """

    def __init__(
        self,
        fields: Mapping[str, Any],
        schema: Schema,
        document: Document,
        operation: Operation | None = None,
    ) -> None:
        self._fields = fields
        self._names = {python_name(name): name for name in fields}
        self._schemas = document.resolve(schema).get("properties", {})
        self._document = document
        self._operation = operation

    def to_dict(self) -> dict[str, Any]:
        """The fields as the server sent them, with the API's names."""
        return dict(self._fields)

    if not TYPE_CHECKING:  # which names there are, type checkers know from groups.pyi

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name not in self._names:
                raise AttributeError(f"no {name}; there are: {', '.join(self._names)}", name=name)
            field = self._names[name]
            return value_of(self._fields[field], self._schemas.get(field, {}), self._document)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._names]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and other._fields == self._fields

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={self._fields[key]!r}" for name, key in self._names.items())
        return f"Record({fields})"


def origin(record: Record) -> Operation | None:
    """The operation that answered this record; None for a part of another."""
    return record._operation


def value_of(value: Any, schema: Schema, document: Document) -> Any:
    """A JSON value as its schema means it: records, lists of them, moments; the rest as it is."""
    found = document.resolve(schema)
    if isinstance(value, Mapping) and (found.get("properties") or not found):
        return Record(value, found, document)
    if isinstance(value, list):
        return [value_of(item, found.get("items", {}), document) for item in value]
    if isinstance(value, str) and found.get("format") == "date-time":
        return datetime.fromisoformat(value)
    return value


class Pages(Generic[Item]):
    """Items of a list, fetched page by page while one iterates; each iteration asks anew."""

    def __init__(self, fetch: Callable[[], Iterator[Item]]) -> None:
        self._fetch = fetch

    def __iter__(self) -> Iterator[Item]:
        return self._fetch()
