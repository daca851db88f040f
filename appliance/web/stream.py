"""Everything that stays open: one SSE connection per page, for states and for a log, in one gevent process.

One greenlet reads new events and hands them to those who may see them, so 200 open pages cost one query per commit. A
connection is resumed where it was: each message has an id `<event>.<log offset>`, which comes back as Last-Event-ID.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent.queue import Empty, Queue
from werkzeug.wrappers import Request, Response

from appliance import events, gate, identity
from appliance.access import NOBODY, require
from appliance.boot import Appliance
from appliance.context import Context
from appliance.db import Db
from appliance.errors import ApplianceError, Forbidden, NotFound, Unauthenticated
from appliance.events import Event
from appliance.runtime import builds, logs, workloads
from appliance.web import auth
from appliance.web.status import envelope, status_of

log = logging.getLogger(__name__)

LOOK_S = 0.1
LOG_LOOK_S = 0.3
HEARTBEAT_S = 15.0
REVIEW_S = 5.0
MAX_BEHIND = 1000
MOST_MISSED = 10_000
LOG_CHUNK_BYTES = 32768


@dataclass
class Subscriber:
    """An open page. teams: whose events it may see. admin: of the appliance, who may see those of no team, too."""

    teams: frozenset[str]
    admin: bool = False
    queue: Queue[Event] = field(default_factory=lambda: Queue(MAX_BEHIND))

    def may_see(self, event: Event) -> bool:
        return self.admin if event.team_id is None else event.team_id in self.teams


class Hub:
    """Reads events once for everybody."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._by_id: dict[int, Subscriber] = {}
        self._position = 0

    def start(self) -> gevent.Greenlet:
        """From now on hand out what happens: the first to subscribe misses nothing either."""
        self._position = events.head(self._appliance.local.get())
        return gevent.spawn(self.run)

    def subscribe(self, subscriber: Subscriber) -> None:
        self._by_id[id(subscriber)] = subscriber

    def leave(self, subscriber: Subscriber) -> None:
        self._by_id.pop(id(subscriber), None)

    def run(self) -> None:
        """For ever. Looks at the wake file's time ten times a second: inotify's read would block all greenlets."""
        db, seen = self._appliance.local.get(), 0
        while True:
            gevent.sleep(LOOK_S)
            try:
                changed = os.stat(self._appliance.config.paths.wake).st_mtime_ns
            except FileNotFoundError:
                continue
            if changed == seen:
                continue
            try:
                self._hand_out_new(db)
                seen = changed
            except sqlite3.Error as error:  # busy for once: the next look finds the same events
                log.warning("events can't be read: %s", error)

    def _hand_out_new(self, db: Db) -> None:
        while found := events.after(db, self._position):  # some at a time
            for event in found:
                self._hand_out(event)
            self._position = found[-1].id

    def _hand_out(self, event: Event) -> None:
        for subscriber in list(self._by_id.values()):
            if subscriber.may_see(event):
                if subscriber.queue.full():
                    # its connection ends below, and it comes back with Last-Event-ID
                    self.leave(subscriber)
                else:
                    subscriber.queue.put_nowait(event)

    def __contains__(self, subscriber: Subscriber) -> bool:
        return id(subscriber) in self._by_id


@dataclass(frozen=True)
class LogView:
    """The log that a page shows, from an offset on."""

    workload: str
    offset: int


def create_stream(appliance: Appliance) -> Callable[..., Iterable[bytes]]:
    """The WSGI application of the stream process."""
    hub = Hub(appliance)
    started: list[gevent.Greenlet] = []

    @Request.application
    def application(request: Request) -> Response:
        if not started:  # not before the fork: a greenlet does not survive it
            started.append(hub.start())
        try:
            return _open(appliance, hub, request)
        except ApplianceError as error:
            status = status_of(error)
            body = json.dumps(envelope(status, str(error)))
            return Response(body, status=status, content_type="application/json")

    return application


def _open(appliance: Appliance, hub: Hub, request: Request) -> Response:
    if request.path != "/stream":
        raise NotFound("no such address")
    ctx = appliance.context(NOBODY)
    ctx = ctx.acting_as(auth.authenticate(ctx, request))
    if ctx.principal is NOBODY:
        raise Unauthenticated("sign in first")
    if ctx.principal.kind != "user":  # it may see one project, and news are sorted by team
        raise Forbidden("this is for users", hint="use a session or an API key")
    position, offset = _resume(request)
    view = _log_view(ctx, request, offset)
    subscriber = Subscriber(_teams(ctx), ctx.principal.is_admin)
    body = _messages(ctx, hub, subscriber, position, view)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(body, content_type="text/event-stream", headers=headers)


def _resume(request: Request) -> tuple[int | None, int | None]:
    """(event, log offset) after which to go on, from the browser's header or from our own script's query."""
    text = request.headers.get("Last-Event-ID") or request.args.get("last_event_id", "")
    event, _, offset = text.partition(".")
    return _number(event), _number(offset)


def _number(text: str) -> int | None:
    """None for what is none of ours; SQLite takes no more than 18 digits, and some digits are no decimals."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _log_view(ctx: Context, request: Request, offset: int | None) -> LogView | None:
    workload_id = request.args.get("log", "")
    if not workload_id:
        return None
    try:
        _require_log(ctx, workload_id)
    except NotFound:  # in the same words for what belongs to others
        raise NotFound("no such log") from None
    return LogView(workload_id, offset or 0)


def _require_log(ctx: Context, log_id: str) -> None:
    """Of a workload of its team, or of a build: that of a recipe is everybody's."""
    build = builds.find(ctx.db, log_id)
    if build is None:
        workload = workloads.get(ctx.db, log_id)
        require(ctx, f"{workload.kind}s.logs", project_id=workload.project_id)
    elif build.kind != "recipe":
        require(ctx, "images.logs", team_id=build.team_id)


def _messages(
    ctx: Context, hub: Hub, subscriber: Subscriber, position: int | None, view: LogView | None
) -> Iterator[bytes]:
    """SSE frames until the browser leaves, its session ends or it falls too far behind."""
    hub.subscribe(subscriber)
    try:
        at = events.head(ctx.db) if position is None else position
        yield b"retry: 1000\n\n"
        offset = view.offset if view else 0
        for event in _missed(ctx, subscriber, at) if position is not None else ():
            at = event.id
            yield from _changed(event, offset)
        quiet_s = review_s = 0.0
        while subscriber in hub:
            pause = LOG_LOOK_S if view else HEARTBEAT_S / 3
            news = _next(subscriber, pause)
            if news is not None and news.id > at:
                at = news.id
                yield from _changed(news, offset)
            frames, offset = _log_frames(ctx, view, offset, at)
            yield from frames
            busy = news is not None or frames
            quiet_s, review_s = 0.0 if busy else quiet_s + pause, review_s + pause
            if quiet_s >= HEARTBEAT_S:
                quiet_s = 0.0
                yield b": still here\n\n"
            if review_s >= REVIEW_S:
                review_s = 0.0
                if not _still_may(ctx, subscriber):
                    return
    finally:
        hub.leave(subscriber)


def _still_may(ctx: Context, subscriber: Subscriber) -> bool:
    """Whether the credential is good and its user in the same teams; else the page comes back and is asked anew."""
    if gate.by_credential(ctx.db, ctx.principal.credential) is NOBODY:
        return False
    return _teams(ctx) == subscriber.teams


def _teams(ctx: Context) -> frozenset[str]:
    teams = frozenset(team.id for team in identity.teams_of(ctx.db, ctx.principal.user_id))
    return teams & {ctx.principal.team_id} if ctx.principal.by == "key" else teams


def _missed(ctx: Context, subscriber: Subscriber, position: int) -> list[Event]:
    """Events since a position, of the newest MOST_MISSED at most: who was away for longer reloads the page anyway."""
    missed: list[Event] = []
    position = max(position, events.head(ctx.db) - MOST_MISSED)
    while found := events.after(ctx.db, position):
        position = found[-1].id
        missed += [event for event in found if subscriber.may_see(event)]
    return missed


def _next(subscriber: Subscriber, wait_s: float) -> Event | None:
    try:
        return subscriber.queue.get(timeout=wait_s)
    except Empty:
        return None


def _changed(event: Event, offset: int) -> Iterator[bytes]:
    """For the subject; and for its project when something came or went, so that lists load again."""
    yield _frame("changed", {"subject": event.subject, "name": event.name}, event.id, offset)
    if event.project_id and event.name.endswith((".created", ".deleted")):
        yield _frame("changed", {"subject": event.project_id, "name": event.name}, event.id, offset)


def _log_frames(
    ctx: Context, view: LogView | None, offset: int, at: int
) -> tuple[list[bytes], int]:
    if view is None:
        return [], offset
    directory = ctx.config.paths.logs / view.workload
    found, end = logs.tail(directory, offset, LOG_CHUNK_BYTES)
    if not found:
        return [], offset
    keep = _whole_characters(found)
    start = end - len(found)
    end = start + keep
    text = found[:keep].decode(errors="replace")
    data = {"workload": view.workload, "offset": start, "end": end, "text": text}
    return [_frame("log", data, at, end)], end


def _whole_characters(text: bytes) -> int:
    """How many bytes to send now, so that no UTF-8 character is cut in two."""
    for back in range(1, min(4, len(text)) + 1):
        byte = text[-back]
        if byte & 0xC0 != 0x80:
            needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return len(text) - back if needed > back and len(text) > back else len(text)
    return len(text)


def _frame(name: str, data: dict[str, Any], at: int, offset: int) -> bytes:
    return f"id: {at}.{offset}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()
