"""Changes to a notebook's files: uploads, folders, names, deletion.

A browser with scripts sends large files in pieces and goes on where it was; one without sends a form.
"""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, Response, jsonify, request

from appliance.errors import ApplianceError
from appliance.web.errors import status_of
from appliance.web.pages import context, done, page
from plugins_builtin.notebooks import file_pages
from plugins_builtin.notebooks import files as file_work
from plugins_builtin.notebooks import pages as notebook_pages
from plugins_builtin.notebooks import service
from plugins_builtin.notebooks.file_pages import path_asked, quoted, shown_name

PIECE_BYTES = 8 << 20  # below what nginx lets through, and soon sent again


def blueprint() -> Blueprint:
    """All pages of notebooks."""
    pages = file_pages.blueprint()
    for rule, view, method in (
        ("upload", upload, "POST"),
        ("piece", piece, "POST"),
        ("take", take, "POST"),
        ("folder", folder, "POST"),
        ("change", change, "GET"),
        ("change", rename, "POST"),
        ("remove", remove, "POST"),
    ):
        path = f"/notebooks/<notebook_id>/files/{rule}"
        pages.add_url_rule(path, f"file_{view.__name__}", view, methods=[method])
    return pages


def _folder_url(notebook_id: str, path: str) -> str:
    return f"/notebooks/{notebook_id}/files?path={quoted(path)}"


def upload(notebook_id: str) -> Any:
    """Files from a plain form, into the folder that the URL names."""
    ctx, path = context(), path_asked()
    service.files_of(ctx, notebook_id)
    replace = request.form.get("replace") == "1"
    sent = [file for file in request.files.getlist("file") if file.filename]
    try:
        for file in sent:
            token = secrets.token_hex(16)
            file_work.add_piece(ctx, notebook_id, token, 0, file.stream)
            file_work.take(ctx, notebook_id, token, path, file.filename or "", replace)
    except ApplianceError as error:
        shown = file_pages.listing(notebook_id, path, errors={"file": str(error)})
        return shown, status_of(error)
    return done(_folder_url(notebook_id, path), "Uploaded." if sent else "No file was chosen.")


def piece(notebook_id: str) -> Any:
    """A piece of an upload, from a script: the body as it is."""
    token = request.args.get("upload", "")
    offset = request.args.get("offset", 0, type=int)
    try:
        size = file_work.add_piece(context(), notebook_id, token, offset, request.stream)
    except ApplianceError as error:
        return _said(error)
    return jsonify(size=size)


def take(notebook_id: str) -> Any:
    """A script's upload is complete."""
    form = request.form
    try:
        file_work.take(
            context(), notebook_id, form.get("upload", ""), path_asked(), form.get("name", ""),
            form.get("replace") == "1",
        )  # fmt: skip
    except ApplianceError as error:
        return _said(error)
    return jsonify(done=True)


def _said(error: ApplianceError) -> tuple[Response, int]:
    return jsonify(message=str(error)), status_of(error)


def folder(notebook_id: str) -> Any:
    """A new folder in the one that the URL names."""
    path, name = path_asked(), request.form.get("name", "")
    try:
        file_work.make_folder(context(), notebook_id, path, name)
    except ApplianceError as error:
        shown = file_pages.listing(
            notebook_id, path, values={"name": name}, errors={"name": str(error)}
        )
        return shown, status_of(error)
    return done(_folder_url(notebook_id, path))


def change(notebook_id: str) -> str:
    """The form for a file's or folder's name, and its deletion."""
    name = shown_name(path_asked().rpartition("/")[2])
    return _change_form(notebook_id, name, {})


def _change_form(notebook_id: str, value: str, errors: dict[str, str]) -> str:
    path = path_asked()
    found = service.get(context(), notebook_id)
    base = f"/notebooks/{notebook_id}/files"
    return page(
        "notebooks/change.html",
        found.notebook.name,
        path=shown_name(path),
        value=value,
        errors=errors,
        query=f"?path={quoted(path)}",
        folder_url=_folder_url(notebook_id, path.rpartition("/")[0]),
        action=base,
        **notebook_pages.notebook_frame(found, "Files"),
    )


def rename(notebook_id: str) -> Any:
    """Another name."""
    path, name = path_asked(), request.form.get("name", "")
    try:
        target = file_work.rename(context(), notebook_id, path, name)
    except ApplianceError as error:
        return _change_form(notebook_id, name, {"name": str(error)}), status_of(error)
    return done(_folder_url(notebook_id, target.rpartition("/")[0]))


def remove(notebook_id: str) -> Any:
    """Delete it and show where it was."""
    path = path_asked()
    file_work.remove(context(), notebook_id, path)
    name = shown_name(path.rpartition("/")[2])
    return done(_folder_url(notebook_id, path.rpartition("/")[0]), f"{name} is deleted.")
