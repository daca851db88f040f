"""`Client`: everything that an appliance's API can do, as methods that its own document describes."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

import httpx

from appliance.client import store
from appliance.client.document import Document, Operation, Request, Words
from appliance.client.groups import Groups
from appliance.client.record import Pages, Record, origin, value_of
from appliance.client.transport import Transport
from appliance.errors import ApplianceError, Unauthenticated

DOCUMENT_HEADER = "X-Appliance-Document"
IGNORED_HEADER = "X-Appliance-Ignored"
DOCUMENT = Request("GET", "/openapi.json", {}, None)
MOST_PER_PAGE = 1000
FIRST_POLL_S, LONGEST_POLL_S = 0.2, 2.0
Answer = TypeVar("Answer", bound=Record)
log = logging.getLogger("appliance.client")


class Client(Groups):
    """An appliance and what one may do there. Every call blocks.

    url, key: else APPLIANCE_URL and APPLIANCE_API_KEY, else what `appliance login` kept; Unauthenticated when no server is
    known. Methods follow the words of the command line: `appliance projects tags add` is `client.projects.tags.add`. What
    a path names comes first, in order; all else by name. They answer a `Record`, `Pages` of records, a list of records
    or the lines of a log, and raise the classes of appliance.errors. http, pause: for tests and special networks.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        http: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        found = store.login(url, key)
        self.url, self._key = found.url, found.key
        self.pause = pause
        self._transport = Transport(
            found.url, found.key, timeout_s=timeout_s, http=http, pause=pause
        )
        self._document = store.document_of(found.url)
        self._outdated = False

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @property
    def document(self) -> Document:
        """What the server can do; asked for again as soon as an answer named another version."""
        if self._outdated:
            self.refresh()
        return self._document

    def refresh(self) -> bool:
        """Fetch the document; whether it was another one than we had."""
        answer = self._transport.send(DOCUMENT)
        version = answer.headers.get(DOCUMENT_HEADER, "")
        known, self._outdated = self._document.version, False
        self._document = Document(answer.json(), version)
        store.keep_document(self.url, self._document)
        return version != known

    def group(self, name: str) -> Any:
        return self._at((name.replace("_", "-"),))

    def call(self, words: str, *ids: str, **fields: Any) -> Any:
        """What `words` do, such as "projects tags add": the same as the method of that name."""
        found = self._at(tuple(words.split()))
        if isinstance(found, Group):
            raise TypeError(f"{words!r} is a group of words: {', '.join(dir(found))}")
        return found(*ids, **fields)

    def operate(self, operation: Operation, values: dict[str, Any]) -> Any:
        """The answer as JSON values to an operation with values by the API's names."""
        return self.send(operation.request(values))

    def send(self, request: Request) -> Any:
        """The answer to a request of one's own making, as JSON values; for what the document has no word."""
        answer = self._transport.send(request)
        named = answer.headers.get(DOCUMENT_HEADER, self._document.version)
        self._outdated |= named != self._document.version
        if answer.headers.get(IGNORED_HEADER):
            log.warning("has no meaning on this appliance: %s", answer.headers[IGNORED_HEADER])
        return answer.json()

    def record(self, operation: Operation, answer: Any) -> Any:
        """An answer of an operation as a record, null as None."""
        if not isinstance(answer, dict):
            return value_of(answer, operation.reply, self._document)
        return Record(answer, operation.reply, self._document, operation)

    def pages(self, operation: Operation, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The pages of a list as the server sends them, each asked for when the one before was read.

        `limit` in values: how many items at most, in all; None = all there are.
        """
        left = values.get("limit")
        given = {name: value for name, value in values.items() if name != "limit"}
        while True:
            size = {} if left is None else {"limit": min(left, MOST_PER_PAGE)}
            page = self.operate(operation, {**given, **size})
            yield page
            if left is not None:
                left -= len(page["items"])
            if not page["hasMore"] or (left is not None and left <= 0):
                return
            given["after"] = page["nextPage"]

    def lines(
        self, operation: Operation, values: dict[str, Any], follow: bool = False
    ) -> Iterator[str]:
        """Lines of a log without their ends, as they come. follow: until nothing will come any more."""
        rest, delay_s = "", FIRST_POLL_S
        while True:
            part = self.operate(operation, values)
            values = {**values, "offset": part["next"]}
            *whole, rest = (rest + part["text"]).split("\n")
            yield from whole
            if part["ended"] or not (follow or part["text"]):
                break
            if part["text"]:
                delay_s = FIRST_POLL_S
                continue
            self.pause(delay_s)
            delay_s = min(delay_s * 1.5, LONGEST_POLL_S)
        if rest:
            yield rest

    def wait(
        self,
        record: Answer,
        until: Collection[str] = (),
        *,
        progress: Callable[[Answer], None] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask again until what a call began is over; the newest record. TimeoutError after timeout_s.

        until: states that end it; those that the call's declaration names if not given. progress(record) after each answer.
        """
        operation = origin(record)
        wanted = frozenset(until or (operation.until if operation else ()))
        details = self.document.details_of(operation) if operation else None
        if operation is None or details is None or not wanted:
            raise TypeError("there is nothing to wait for: what was called has no states")
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        delay_s = FIRST_POLL_S
        found = record.to_dict()
        while found["state"] not in wanted:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{found['id']} is still {found['state']} after {timeout_s:g} s")
            self.pause(delay_s)
            delay_s = min(delay_s * 1.5, LONGEST_POLL_S)
            found = self.operate(details, {details.ids[0].name: found["id"]})
            record = self.record(operation, found)
            if progress:
                progress(record)
        return record

    def _at(self, words: Words) -> Any:
        """The group or the method at these words; AttributeError with those there are."""
        for attempt in range(2):
            operation = self.document.operations.get(words)
            if operation is not None:
                return functools.partial(self._call, operation)
            if self.document.below(words):
                return Group(self, words)
            if attempt or not self._refreshed():
                break
        known = self._document.similar(words) or self._document.below(words[:-1])
        raise AttributeError(
            f"{self.url} has no {'.'.join(words)}; there are: {', '.join(known)}", name=words[-1]
        )

    def _refreshed(self) -> bool:
        try:
            return self.refresh()
        except ApplianceError:
            return False  # unknown words are the caller's error then, as far as we can tell

    def _call(self, operation: Operation, *ids: str, follow: bool = False, **fields: Any) -> Any:
        values = self._values(operation, ids, fields)
        if operation.kind == "log":
            operation.request(values)  # a wrong argument is told now, not at the first line
            return self.lines(operation, values, follow)
        if operation.kind == "page":
            operation.request(values)
            return Pages(functools.partial(self._items, operation, values))
        answer = self.operate(operation, values)
        if operation.kind == "list":
            return [self.record(operation, item) for item in answer]
        return self.record(operation, answer)

    def _items(self, operation: Operation, values: dict[str, Any]) -> Iterator[Any]:
        limit = values.get("limit")
        count = 0
        for page in self.pages(operation, values):
            for item in page["items"]:
                if limit is None or count < limit:
                    yield self.record(operation, item)
                    count += 1

    def _values(
        self, operation: Operation, ids: tuple[str, ...], fields: dict[str, Any]
    ) -> dict[str, Any]:
        """Arguments by the API's names."""
        if len(ids) > len(operation.ids):
            wanted = ", ".join(field.python for field in operation.ids) or "nothing"
            raise TypeError(f"{'.'.join(operation.words)} takes {wanted} by position")
        names = {field.python: field.name for field in operation.fields}
        found = {field.name: value for field, value in zip(operation.ids, ids)}
        for name, value in fields.items():
            if names.get(name) in found:
                raise TypeError(f"{'.'.join(operation.words)} got {name} twice")
            found[names.get(name, name)] = value
        if not self._key and operation.details.get("access") != "public":
            raise Unauthenticated(
                "no API key", hint="run `appliance login URL`, or set APPLIANCE_API_KEY"
            )
        return found


class Group:
    """Words that others follow: `client.projects.tags`."""

    def __init__(self, client: Client, words: Words) -> None:
        self._client, self._words = client, words

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._client._at((*self._words, name.rstrip("_").replace("_", "-")))

    def __dir__(self) -> list[str]:
        return [word.replace("-", "_") for word in self._client.document.below(self._words)]

    def __repr__(self) -> str:
        return f"<{'.'.join(self._words)}: {', '.join(dir(self))}>"
