"""Tags of notebooks."""

from __future__ import annotations

from appliance.context import Context
from appliance.db import write
from appliance.schema import Page, page_of
from plugins_builtin.notebooks import service, store
from plugins_builtin.notebooks.specs import Tag, TagsQuery


def tags(ctx: Context, notebook_id: str, query: TagsQuery) -> Page[Tag]:
    """Tags of a notebook."""
    service.required(ctx, "notebook_tags.list", notebook_id)
    newest_first = query.order == "desc"
    found = store.tags(ctx.db, notebook_id, query.position, query.limit + 1, newest_first)
    return page_of(found, query.limit, lambda tag: str(tag.id))


def add(ctx: Context, notebook_id: str, name: str) -> Tag:
    """Tag a notebook. Repeatable."""
    service.required(ctx, "notebook_tags.add", notebook_id)
    with write(ctx.db) as db:
        store.add_tag(db, notebook_id, name)
    return store.tag(ctx.db, notebook_id, name)


def remove(ctx: Context, notebook_id: str, name: str) -> Tag:
    """Untag it; NotFound when it has no such tag."""
    service.required(ctx, "notebook_tags.remove", notebook_id)
    with write(ctx.db) as db:
        tag = store.tag(db, notebook_id, name)
        store.remove_tag(db, notebook_id, name)
    return tag
