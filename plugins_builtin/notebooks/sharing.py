"""Who may look at a notebook without being in its team, and the address for that."""

from __future__ import annotations

from appliance.context import Context
from appliance.db import write
from appliance.errors import ApplianceError, NotFound
from appliance.events import emit
from plugins_builtin.notebooks import service, store
from plugins_builtin.notebooks.service import Shown
from plugins_builtin.notebooks.specs import Notebook


def share(ctx: Context, notebook_id: str) -> Shown:
    """Let whoever has its address look at it, and fork it with an account. Repeatable: the address stays."""
    return _set(ctx, notebook_id, True)


def unshare(ctx: Context, notebook_id: str) -> Shown:
    """For its team alone again; the address is worth nothing from now on, even if it is shared once more."""
    return _set(ctx, notebook_id, False)


def _set(ctx: Context, notebook_id: str, public: bool) -> Shown:
    notebook, team_id = service.required(ctx, "notebooks.share", notebook_id)
    if notebook.is_public != public:
        with write(ctx.db) as db:
            store.set_share(db, notebook_id, service.new_token() if public else "")
            emit(
                db, "notebook.shared" if public else "notebook.unshared", subject=notebook_id,
                project_id=notebook.project_id, team_id=team_id, actor=ctx.principal.user_id,
            )  # fmt: skip
    return service.get(ctx, notebook_id)


def shared(ctx: Context, token: str) -> Notebook:
    """The notebook of a public address, whoever asks; NotFound when it is not shared any more."""
    found = store.by_share(ctx.db, token)
    if found is None:
        raise NotFound(
            "nothing is shared at this address", hint="ask who gave it to you for a new one"
        )
    return found


def may_view(ctx: Context, notebook: Notebook) -> bool:
    """Whether the principal, or anybody, may look at its files."""
    if notebook.is_public:
        return True
    try:
        service.required(ctx, "notebooks.get", notebook.id)
    except ApplianceError:
        return False
    return True


def url(ctx: Context, notebook: Notebook) -> str:
    """The public address, "" while it has none."""
    if not notebook.is_public:
        return ""
    return f"{ctx.config.base_url}/share/{notebook.share_token}"
