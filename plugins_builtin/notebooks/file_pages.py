"""Files and logs of a notebook. The files are touched by the supervisor's helper only, inside the team's user namespace."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import parse_qs, quote

from flask import Blueprint, Response, request

from appliance.errors import ApplianceError, Invalid, Unavailable
from appliance.web import log_files
from appliance.web.pages import context, page
from plugins_builtin.notebooks import files as file_work
from plugins_builtin.notebooks import manage_pages
from plugins_builtin.notebooks import pages as notebook_pages
from plugins_builtin.notebooks import service, share_pages, view_pages

DOWNLOADS_AT_ONCE = 3  # of the 8 threads of a web process


def blueprint() -> Blueprint:
    """All pages of notebooks."""
    pages = notebook_pages.blueprint()
    manage_pages.add_rules(pages)
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
    view_pages.add(pages)
    share_pages.add(pages)
    pages.add_url_rule("/notebooks/<notebook_id>/log", "log_newer", log_newer)
    pages.add_url_rule("/notebooks/<notebook_id>/log/<workload_id>", "log", log)
    return pages


def files(notebook_id: str) -> str:
    """One directory."""
    return listing(notebook_id, path_asked())


def listing(notebook_id: str, path: str, **values: Any) -> str:
    """The page of a directory. values: of a form on it that did not work, with `errors`."""
    ctx = context()
    found = service.get(ctx, notebook_id)
    entries: list[dict[str, Any]] = []
    truncated, error = False, ""
    try:
        answer = file_work.listing(ctx, notebook_id, path)
        entries = [_entry(notebook_id, path, item) for item in answer["entries"]]
        truncated = answer["truncated"]
    except ApplianceError as failure:
        error = str(failure)
    base = f"/notebooks/{notebook_id}/files"
    shell = notebook_pages.notebook_frame(found, "Files")
    return page(
        "notebooks/files.html",
        found.notebook.name,
        path=_trail(notebook_id, path),
        query=f"?path={quoted(path)}",
        archive_url=f"{base}/download?path={quoted(path)}&folder=1",
        entries=entries,
        truncated=truncated,
        error=error,
        **{"values": {}, "errors": {}, **shell, **values},
    )


def _entry(notebook_id: str, path: str, item: dict[str, Any]) -> dict[str, Any]:
    inside = f"{path}/{item['name']}".lstrip("/")
    base = f"/notebooks/{notebook_id}/files"
    kind = item["type"]
    return {
        "name": shown_name(item["name"]),
        "is_dir": kind == "dir",
        "url": f"{base}?path={quoted(inside)}",
        "size_bytes": item["size_bytes"] if kind == "file" else None,
        "modified_ms": item["modified_ms"],
        "view_url": view_pages.url(notebook_id, inside) if kind == "file" else "",
        "change_url": f"{base}/change?path={quoted(inside)}",
        "archive_url": f"{base}/download?path={quoted(inside)}&folder=1" if kind == "dir" else "",
        "download_url": f"{base}/download?path={quoted(inside)}" if kind == "file" else "",
    }


def path_asked() -> str:
    """Flask's own args would replace bytes that are no UTF-8; such a file could be seen and never downloaded."""
    query = parse_qs(request.query_string.decode("latin-1"), errors="surrogateescape")
    return query.get("path", [""])[0].strip("/")


def shown_name(name: str) -> str:
    """For a page, which has to be UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def quoted(path: str) -> str:
    """For a URL; names that are no UTF-8 come as surrogates and go out as their bytes."""
    return quote(path.encode("utf-8", "surrogateescape"))


def _trail(notebook_id: str, path: str) -> list[tuple[str, str]]:
    base = f"/notebooks/{notebook_id}/files"
    trail, parts = [("/notebooks", base)], [part for part in path.split("/") if part]
    for count, part in enumerate(parts, 1):
        trail.append((shown_name(part), f"{base}?path={quoted('/'.join(parts[:count]))}"))
    return trail


def download(notebook_id: str) -> Response:
    """A regular file or a folder's zip, as an attachment whatever it holds: it never renders in our origin."""
    path, folder = path_asked(), request.args.get("folder") == "1"
    service.files_of(context(), notebook_id)
    if not path and not folder:
        raise Invalid("which file?", hint="choose one from the list")
    spool = file_work.spooled(context(), notebook_id, path, folder)
    reply = Response(content_type="application/octet-stream")
    reply.headers["X-Accel-Redirect"] = f"/_spool/{spool}"
    name = quoted(path.rpartition("/")[2] or notebook_id) + (".zip" if folder else "")
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
