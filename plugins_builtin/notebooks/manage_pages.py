"""What is done to a notebook beside running it: its name, tags and public address, and forks of it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from appliance.access import require_user
from appliance.errors import ApplianceError
from appliance.schema import PageQuery
from appliance.web import forms
from appliance.web.pages import context, done, page
from appliance.web.status import status_of
from plugins_builtin.notebooks import forks, pages, service, sharing, tagging
from plugins_builtin.notebooks.specs import ForkBody, Notebook, RenameBody, TagBody
from plugins_builtin.projects import service as projects

MOST_PROJECTS = 1000


def add_rules(blueprint: Blueprint) -> None:
    """Add these pages to those of notebooks."""
    for rule, view, method in (
        ("/notebooks/<notebook_id>/settings", settings, "GET"),
        ("/notebooks/<notebook_id>/rename", rename, "POST"),
        ("/notebooks/<notebook_id>/tags", add_tag, "POST"),
        ("/notebooks/<notebook_id>/untag", remove_tag, "POST"),
        ("/notebooks/<notebook_id>/share", share, "POST"),
        ("/notebooks/<notebook_id>/unshare", unshare, "POST"),
        ("/notebooks/<notebook_id>/fork", fork_form, "GET"),
        ("/notebooks/<notebook_id>/fork", fork, "POST"),
    ):
        blueprint.add_url_rule(rule, view.__name__, view, methods=[method])


def settings(notebook_id: str) -> str:
    """Name, tags and public address."""
    return _settings_form(notebook_id, {}, {})


def _settings_form(notebook_id: str, values: dict[str, str], errors: dict[str, str]) -> str:
    ctx = context()
    found = service.get(ctx, notebook_id)
    return page(
        "notebooks/settings.html",
        found.notebook.name,
        values={"name": found.notebook.name, "tag": "", **values},
        errors=errors,
        tags=found.tags,
        share_url=sharing.url(ctx, found.notebook),
        **pages.notebook_frame(found, "Settings"),
    )


def rename(notebook_id: str) -> Any:
    """Give it another name."""
    values = {"name": request.form.get("name", "")}
    body, errors = forms.parse(RenameBody, values)
    if body is None:
        return _settings_form(notebook_id, values, errors), 400
    service.rename(context(), notebook_id, body.name)
    return done(f"/notebooks/{notebook_id}/settings", "Saved.")


def add_tag(notebook_id: str) -> Any:
    """Give it a tag."""
    text = request.form.get("tag", "")
    body, errors = forms.parse(TagBody, {"name": text})
    if body is None:
        return _settings_form(notebook_id, {"tag": text}, {"tag": errors["name"]}), 400
    tagging.add(context(), notebook_id, body.name)
    return done(f"/notebooks/{notebook_id}/settings")


def remove_tag(notebook_id: str) -> Any:
    """Take a tag away."""
    tagging.remove(context(), notebook_id, request.form.get("name", ""))
    return done(f"/notebooks/{notebook_id}/settings")


def share(notebook_id: str) -> Any:
    """Make it public and show its address."""
    sharing.share(context(), notebook_id)
    return done(f"/notebooks/{notebook_id}/settings")


def unshare(notebook_id: str) -> Any:
    """For its team alone again."""
    sharing.unshare(context(), notebook_id)
    return done(f"/notebooks/{notebook_id}/settings")


def fork_form(notebook_id: str) -> str:
    """Where to, and under which name."""
    source = forks.source(context(), notebook_id)
    values = {"name": forks.name_of(source), "session": request.args.get("session", "")}
    return _fork_form(source, {"project_id": source.project_id, **values}, {})


def _fork_form(source: Notebook, values: dict[str, str], errors: dict[str, str]) -> str:
    ctx = context()
    require_user(ctx)
    found = projects.page(ctx, PageQuery(limit=MOST_PROJECTS)).items
    return page(
        "notebooks/fork.html",
        f"Fork {source.name}",
        crumbs=[("Projects", "/projects"), (source.name, None), ("Fork", None)],
        live=False,
        notebook={"id": source.id, "name": source.name},
        projects=[{"value": project.id, "label": project.name} for project in found],
        values=values,
        errors=errors,
    )


def fork(notebook_id: str) -> Any:
    """Make it and go there."""
    ctx = context()
    values = {name: request.form.get(name, "") for name in ("project_id", "name", "session")}
    body, errors = forms.parse(ForkBody, values)
    if body is None:
        return _fork_form(forks.source(ctx, notebook_id), values, errors), 400
    try:
        made = forks.fork(ctx, notebook_id, body.project_id, body.name or "", body.session)
    except ApplianceError as error:
        source = forks.source(ctx, notebook_id)
        return _fork_form(source, values, forms.whole(error)), status_of(error)
    return done(f"/notebooks/{made.notebook.id}", "Forked. Its files are being copied.")
