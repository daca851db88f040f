"""Files and logs of a notebook. The files are touched by the supervisor's helper only, inside the team's user namespace."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import parse_qs, quote

from flask import Blueprint, Response, request

from appliance.errors import ApplianceError, Invalid, Unavailable
from appliance.runtime import tasks
from appliance.web import log_files
from appliance.web.pages import context, page
from plugins_builtin.notebooks import pages as notebook_pages
from plugins_builtin.notebooks import service

MAX_DOWNLOAD_BYTES = 1 << 30
DOWNLOAD_TIMEOUT_S = 120.0
DOWNLOADS_AT_ONCE = 3  # of the 8 threads of a web process


def blueprint() -> Blueprint:
    """All pages of notebooks."""
    pages = notebook_pages.blueprint()
    at_once = threading.BoundedSemaphore(DOWNLOADS_AT_ONCE)

    def download_in_turn(notebook_id: str) -> Response:
        """A download holds a thread while its copy is made; other requests need threads as well."""
        if not at_once.acquire(blocking=False):
            raise Unavailable("too many downloads at once", hint="try again in a moment")
        try:
            return download(notebook_id)
        finally:
            at_once.release()

    pages.add_url_rule("/notebooks/<notebook_id>/files", "files", files)
    pages.add_url_rule("/notebooks/<notebook_id>/files/download", "download", download_in_turn)
    pages.add_url_rule("/notebooks/<notebook_id>/log", "log_newer", log_newer)
    pages.add_url_rule("/notebooks/<notebook_id>/log/<workload_id>", "log", log)
    return pages


def files(notebook_id: str) -> str:
    """One directory."""
    ctx, path = context(), _path_asked()
    found = service.get(ctx, notebook_id)
    notebook, team_id = service.files_of(ctx, notebook_id)
    entries: list[dict[str, Any]] = []
    truncated, error = False, ""
    try:
        answer = tasks.ask(
            ctx.db, "files.list", team_id=team_id, area="notebooks", name=notebook.id, path=path
        )
        entries = [_entry(notebook.id, path, item) for item in answer["entries"]]
        truncated = answer["truncated"]
    except ApplianceError as failure:
        error = str(failure)
    return page(
        "notebooks/files.html",
        notebook.name,
        path=_trail(notebook.id, path),
        entries=entries,
        truncated=truncated,
        error=error,
        **notebook_pages.notebook_frame(found, "Files"),
    )


def _entry(notebook_id: str, path: str, item: dict[str, Any]) -> dict[str, Any]:
    inside = f"{path}/{item['name']}".lstrip("/")
    base = f"/notebooks/{notebook_id}/files"
    kind = item["type"]
    return {
        "name": _shown(item["name"]),
        "is_dir": kind == "dir",
        "url": f"{base}?path={_quoted(inside)}",
        "size_bytes": item["size_bytes"] if kind == "file" else None,
        "modified_ms": item["modified_ms"],
        "download_url": f"{base}/download?path={_quoted(inside)}" if kind == "file" else "",
    }


def _path_asked() -> str:
    """Flask's own args would replace bytes that are no UTF-8; such a file could be seen and never downloaded."""
    query = parse_qs(request.query_string.decode("latin-1"), errors="surrogateescape")
    return query.get("path", [""])[0].strip("/")


def _shown(name: str) -> str:
    """For a page, which has to be UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _quoted(path: str) -> str:
    """For a URL; names that are no UTF-8 come as surrogates and go out as their bytes."""
    return quote(path.encode("utf-8", "surrogateescape"))


def _trail(notebook_id: str, path: str) -> list[tuple[str, str]]:
    base = f"/notebooks/{notebook_id}/files"
    trail, parts = [("/notebooks", base)], [part for part in path.split("/") if part]
    for count, part in enumerate(parts, 1):
        trail.append((_shown(part), f"{base}?path={_quoted('/'.join(parts[:count]))}"))
    return trail


def download(notebook_id: str) -> Response:
    """One regular file, as an attachment whatever it holds: it never renders in our origin."""
    ctx, path = context(), _path_asked()
    notebook, team_id = service.files_of(ctx, notebook_id)
    if not path:
        raise Invalid("which file?", hint="choose one from the list")
    answer = tasks.ask(
        ctx.db, "files.read", DOWNLOAD_TIMEOUT_S, team_id=team_id, area="notebooks", name=notebook.id,
        path=path, limit_bytes=MAX_DOWNLOAD_BYTES,
    )  # fmt: skip
    reply = Response(content_type="application/octet-stream")
    reply.headers["X-Accel-Redirect"] = f"/_spool/{answer['spool']}"
    name = quote(path.rpartition("/")[2].encode("utf-8", "surrogateescape"))
    reply.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return reply


def log_newer(notebook_id: str) -> Any:
    """204 while the page shows the newest session; else a reload of the page shows the new one's log."""
    ctx = context()
    found = service.get(ctx, notebook_id)
    newest = found.session.id if found.session else ""
    reply = Response(status=204)
    if newest and newest != request.args.get("session", ""):
        reply.headers["HX-Refresh"] = "true"
        reply.status_code = 200
    return reply


def log(notebook_id: str, workload_id: str) -> Response:
    """The log of a session as text: a byte range answered here, or a whole segment by nginx."""
    ctx = context()
    session = service.session_log(ctx, notebook_id, workload_id)
    return log_files.serve(ctx.config.paths.logs / session.id)
