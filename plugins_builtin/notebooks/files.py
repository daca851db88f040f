"""Use cases on a notebook's files, whether it runs or not. Each blocks until the supervisor has answered."""

from __future__ import annotations

from typing import IO, Any

from appliance.context import Context
from appliance.errors import Invalid
from appliance.runtime import tasks, uploads
from plugins_builtin.notebooks import service

MAX_DOWNLOAD_BYTES = 1 << 30
COPY_TIMEOUT_S = 120.0
WORK_TIMEOUT_S = 30.0
NAME_BYTES = 255


def _ask(
    ctx: Context, notebook_id: str, kind: str, timeout_s: float = WORK_TIMEOUT_S, **args: Any
) -> dict[str, Any]:
    notebook, team_id = service.files_of(ctx, notebook_id)
    return tasks.ask(
        ctx.db,
        f"files.{kind}",
        timeout_s,
        team_id=team_id,
        area="notebooks",
        name=notebook.id,
        **args,
    )


def listing(ctx: Context, notebook_id: str, path: str) -> dict[str, Any]:
    """`entries` of a directory and whether they are `truncated`."""
    return _ask(ctx, notebook_id, "list", path=path)


def spooled(ctx: Context, notebook_id: str, path: str, folder: bool = False) -> str:
    """The name of a copy of a file, or of a folder's zip, that nginx hands out."""
    kind = "archive" if folder else "read"
    answer = _ask(ctx, notebook_id, kind, COPY_TIMEOUT_S, path=path, limit_bytes=MAX_DOWNLOAD_BYTES)
    return str(answer["spool"])


def add_piece(ctx: Context, notebook_id: str, token: str, offset: int, piece: IO[bytes]) -> int:
    """Go on with an upload, which the browser named by a token; the size so far. Conflict: it says where to go on."""
    notebook, _ = service.files_of(ctx, notebook_id)
    name = uploads.name_of(notebook.id, ctx.principal.user_id, token)
    return uploads.append(ctx.config, ctx.db, name, offset, piece)


def take(ctx: Context, notebook_id: str, token: str, folder: str, name: str, replace: bool) -> None:
    """Make a finished upload a file of the notebook's; Conflict if the name is taken and may not be replaced."""
    service.files_of(ctx, notebook_id)
    upload = uploads.name_of(notebook_id, ctx.principal.user_id, token)
    _ask(
        ctx,
        notebook_id,
        "write",
        COPY_TIMEOUT_S,
        path=inside(folder, name),
        upload=upload,
        replace=replace,
    )


def make_folder(ctx: Context, notebook_id: str, folder: str, name: str) -> None:
    """A new folder; Conflict if the name is taken."""
    _ask(ctx, notebook_id, "make_dir", path=inside(folder, name))


def rename(ctx: Context, notebook_id: str, path: str, name: str) -> str:
    """Another name in the same folder, or, with slashes, another path below it; gives the path."""
    folder = path.rpartition("/")[0]
    target = f"{folder}/{name.strip()}".strip("/")
    for part in target.split("/"):
        inside("", part)
    _ask(ctx, notebook_id, "rename", path=path, to=target)
    return target


def remove(ctx: Context, notebook_id: str, path: str) -> None:
    """Delete a file, or a folder with all that is in it."""
    _ask(ctx, notebook_id, "remove", path=path)


def inside(folder: str, name: str) -> str:
    """The path of a name in a folder; Invalid for what is no name."""
    name = name.strip()
    long = len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES
    if name in ("", ".", "..") or "/" in name or "\0" in name or long:
        raise Invalid("this is no name for a file", hint="one to 255 letters, without a slash")
    return f"{folder}/{name}".lstrip("/")
