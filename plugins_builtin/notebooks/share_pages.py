"""A public notebook for whoever has its address: what its newest session left of it, read only.

No name of a user or a team is on these pages, and nothing that was not kept by `.notebookinclude`.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, render_template, request

from appliance import identity
from appliance.context import Context
from appliance.errors import ApplianceError, NotFound
from appliance.runtime import rendering, tasks
from appliance.web.pages import context
from plugins_builtin.notebooks import sharing, versions
from plugins_builtin.notebooks.specs import Notebook, Version
from plugins_builtin.notebooks.view_pages import Viewer, handed_out

LIST_TIMEOUT_S = 30.0


def add(pages: Blueprint) -> None:
    """The pages of this module."""
    viewer = Viewer()
    pages.add_url_rule("/share/<token>", "shared", shared)
    pages.add_url_rule("/share/<token>/view/<path:path>", "shared_view", partial(_view, viewer))
    pages.add_url_rule("/share/<token>/rendered/<file>", "shared_rendered", rendered)


def shared(token: str) -> str:
    """What there is to look at."""
    ctx = context()
    notebook, version = _found(ctx, token)
    path = request.args.get("path", "")
    entries: list[dict[str, Any]] = []
    if version is not None:
        answer = tasks.ask(
            ctx.db, "files.list", LIST_TIMEOUT_S, path=path, **_where(ctx, notebook, version)
        )
        entries = [_entry(token, path, item) for item in answer["entries"]]
    return render_template(
        "notebooks/shared.html",
        title=notebook.name,
        token=token,
        path=path,
        ready=version is not None,
        entries=entries,
        fork_url=f"/notebooks/{notebook.id}/fork",
    )


def _found(ctx: Context, token: str) -> tuple[Notebook, Version | None]:
    """The notebook, and what the newest session that ended left of it; None before the first one did."""
    notebook = sharing.shared(ctx, token)
    return notebook, versions.newest_ready(ctx, notebook)


def _where(ctx: Context, notebook: Notebook, version: Version) -> dict[str, str]:
    team_id = identity.team_of_project(ctx.db, notebook.project_id)
    return {"team_id": team_id, "area": "versions", "name": version.session_id}


def _entry(token: str, folder: str, item: dict[str, Any]) -> dict[str, Any]:
    path = f"{folder}/{item['name']}".lstrip("/")
    url = ""
    if item["type"] == "dir":
        url = f"/share/{token}?path={quote(path, errors='replace')}"
    elif rendering.kind_of(path):
        url = f"/share/{token}/view/{quote(path, errors='replace')}"
    return {**item, "url": url}


def _view(viewer: Viewer, token: str, path: str) -> str:
    """One file, read only."""
    ctx = context()
    notebook, version = _found(ctx, token)
    file, error = "", ""
    try:
        if version is None:
            raise NotFound("nothing was kept of this notebook yet")
        where = _where(ctx, notebook, version)
        file = viewer.ask(ctx, where["team_id"], version.session_id, path, "versions")
    except ApplianceError as failure:
        error = str(failure)
    folder, _, name = path.rpartition("/")
    return render_template(
        "notebooks/shared_view.html",
        title=name,
        kind=rendering.kind_of(path),
        error=error,
        source_url=f"/share/{token}/rendered/{file}" if file else "",
        folder_url=f"/share/{token}?path={quote(folder, errors='replace')}",
    )


def rendered(token: str, file: str) -> Response:
    """What a view shows."""
    _, version = _found(context(), token)
    if version is None:
        raise NotFound("nothing was kept of this notebook yet")
    return handed_out(version.session_id, file)
