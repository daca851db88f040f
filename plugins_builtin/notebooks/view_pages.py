"""Files of a notebook to look at, whether it runs or not. What is shown was made by `runtime/rendering.py`."""

from __future__ import annotations

import re
import threading
from urllib.parse import quote

from flask import Blueprint, Response

from appliance.context import Context
from appliance.errors import ApplianceError, NotFound, Unavailable
from appliance.runtime import rendering, tasks
from appliance.web.pages import context, page, url_of
from plugins_builtin.notebooks import pages as notebook_pages
from plugins_builtin.notebooks import service

TIMEOUT_S = 90.0  # one other file may be before it
AT_ONCE = 2  # of the 8 threads of a web process: the rest answer others meanwhile
_FILE = re.compile(r"[0-9a-f]{48}\.[a-z]{3,4}")


class Viewer:
    """Asks for views, a few at a time."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def ask(self, ctx: Context, team_id: str, name: str, path: str, area: str = "notebooks") -> str:
        """The name to give to `handed_out`; the principal's right was checked before. Blocks for seconds.

        NotFound, Invalid for what can't be shown, Unavailable when too many ask.
        """
        if not self._turns.acquire(blocking=False):
            raise Unavailable("too many files are being prepared", hint="try again in a moment")
        try:
            answer = tasks.ask(
                ctx.db, "files.view", TIMEOUT_S, team_id=team_id, area=area, name=name,
                path=path,
            )  # fmt: skip
        finally:
            self._turns.release()
        return str(answer["file"])


def handed_out(owner: str, file: str) -> Response:
    """What was made of a file of this notebook or version; nginx sends it, under a policy that lets nothing run."""
    if not _FILE.fullmatch(file):
        raise NotFound("no such file", hint="open it from the list of files")
    reply = Response(content_type=rendering.content_type(file))
    reply.headers["X-Accel-Redirect"] = f"/_rendered/{owner}/{file}"
    reply.headers["Cache-Control"] = "private, max-age=3600, immutable"
    return reply


def add(pages: Blueprint) -> None:
    """The pages of this module."""
    viewer = Viewer()

    def view(notebook_id: str, path: str) -> str:
        return _view(viewer, notebook_id, path)

    pages.add_url_rule("/notebooks/<notebook_id>/view/<path:path>", "view", view)
    pages.add_url_rule("/notebooks/<notebook_id>/rendered/<file>", "rendered", rendered)


def url(notebook_id: str, path: str) -> str:
    """Where a file is shown, "" if it can't be: by its kind, or because no URL of text can name it."""
    try:
        named = quote(path)
    except UnicodeEncodeError:
        return ""
    return f"/notebooks/{notebook_id}/view/{named}" if rendering.kind_of(path) else ""


def _view(viewer: Viewer, notebook_id: str, path: str) -> str:
    """One file, read only."""
    ctx = context()
    notebook, team_id = service.files_of(ctx, notebook_id)
    file, error = "", ""
    try:
        file = viewer.ask(ctx, team_id, notebook.id, path)
    except ApplianceError as failure:
        error = str(failure)
    folder, _, name = path.rpartition("/")
    base = f"/notebooks/{notebook_id}/files"
    return page(
        "notebooks/view.html",
        name,
        name=name,
        kind=rendering.kind_of(path),
        error=error,
        source_url=f"/notebooks/{notebook_id}/rendered/{file}" if file else "",
        runs_url=_runs_url(notebook_id, path),
        folder_url=f"{base}?path={quote(folder)}",
        download_url=f"{base}/download?path={quote(path)}",
        **notebook_pages.notebook_frame(service.get(ctx, notebook_id), "Files"),
    )


def _runs_url(notebook_id: str, path: str) -> str:
    """Where to run it as a job; "" if it is no notebook, or nothing here can."""
    runs = url_of("notebook_runs.index", notebook_id=notebook_id, path=path)
    return runs if rendering.kind_of(path) == "notebook" else ""


def rendered(notebook_id: str, file: str) -> Response:
    """What a view of this notebook shows."""
    notebook, _ = service.files_of(context(), notebook_id)
    return handed_out(notebook.id, file)
