"""A log on a page: its last part in the page itself, the rest as text by ranges or whole segments."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Response, request

from appliance.errors import Invalid
from appliance.runtime import logs

RANGE_BYTES = 1 << 18
TAIL_BYTES = 65536


def view(directory: Path, url: str) -> dict[str, Any]:
    """What the macro log_view needs. directory: of a workload or a build, named like it; url: answers with `serve`."""
    end = logs.size(directory)
    text, following = logs.tail(directory, max(0, end - TAIL_BYTES), TAIL_BYTES)
    start = following - len(text)
    cut = text.find(b"\n") + 1 if start else 0  # begin with a whole line
    return {
        "workload": directory.name,
        "text": text[cut:].decode(errors="replace"),
        "start": start + cut,
        "end": following,
        "url": url,
    }


def serve(directory: Path) -> Response:
    """The log as text: a byte range answered here, or a whole segment by nginx. The caller has checked who may read it."""
    asked = request.headers.get("Range", "")
    if asked:
        return _range(directory, asked)
    parts = logs.segments(directory)
    number = request.args.get("part", "1")
    if not re.fullmatch(r"[0-9]{1,9}", number) or not parts:
        return Response("", content_type="text/plain; charset=utf-8")
    chosen = parts[min(max(int(number), 1), len(parts)) - 1][1]
    reply = Response(content_type="text/plain; charset=utf-8")
    reply.headers["X-Accel-Redirect"] = f"/_logs/{directory.name}/{chosen.name}"
    reply.headers["X-Log-Parts"] = str(len(parts))
    return reply


def _range(directory: Path, asked: str) -> Response:
    """bytes=a-b or bytes=-n of the whole log, at most 256 KiB."""
    matched = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.strip())
    if not matched or not any(matched.groups()):
        raise Invalid("a range looks like bytes=0-1023")
    total = logs.size(directory)
    first, last = matched.groups()
    start = int(first) if first else max(0, total - int(last))
    stop = min(int(last) + 1 if first and last else total, total, start + RANGE_BYTES)
    text, following = (
        logs.tail(directory, start, max(stop - start, 0)) if start < stop else (b"", start)
    )
    if not text:
        empty = Response(status=416, content_type="text/plain")
        empty.headers["Content-Range"] = f"bytes */{total}"
        return empty
    reply = Response(text, status=206, content_type="text/plain; charset=utf-8")
    reply.headers["Content-Range"] = f"bytes {following - len(text)}-{following - 1}/{total}"
    return reply
