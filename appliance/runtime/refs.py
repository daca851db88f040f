"""References in specs: a whole value such as `secret:NAME` stands for what a plugin knows by that name.

Passwords that somebody typed are kept sealed; those that refer to something are kept as they are and looked up each time.
"""

from __future__ import annotations

from appliance import vault
from appliance.context import Context
from appliance.db import Db
from appliance.plugins.contracts import RefKind, RefScope

_SEALED = "sealed:"
_PURPOSE = "kept"


def find(ctx: Context, text: str) -> tuple[RefKind, str] | None:
    """The kind and the name that a value refers to, or None for a plain value."""
    kind, colon, name = text.partition(":")
    found = ctx.registry.ref_kinds.get(kind.lower()) if colon else None
    return (found, name.strip()) if found else None


def value(ctx: Context, text: str, scope: RefScope) -> str:
    """What a value stands for; a plain one is itself. Refused when there is nothing by that name."""
    found = find(ctx, text)
    return found[0].resolve(ctx, found[1], scope) if found else text


def keep(ctx: Context, text: str) -> str:
    """How a password is stored: a reference as it is, anything else sealed. Call inside `write`; `forget` when done."""
    if not text or find(ctx, text):
        return text
    return _SEALED + vault.put(ctx.db, ctx.keys, _PURPOSE, text)


def kept(ctx: Context, text: str, scope: RefScope) -> str:
    """What a stored password is: opened, or looked up. NotFound when it was forgotten."""
    if text.startswith(_SEALED):
        return vault.read(ctx.db, ctx.keys, _PURPOSE, text.removeprefix(_SEALED))
    return value(ctx, text, scope)


def forget(db: Db, text: str) -> None:
    """Forget what `keep` sealed. Call inside `write`."""
    if text.startswith(_SEALED):
        vault.drop(db, text.removeprefix(_SEALED))
