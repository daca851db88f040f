"""Checking and setting passwords."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from appliance import identity, sessions
from appliance.access import require_admin, require_session
from appliance.context import Context
from appliance.db import write
from appliance.errors import Invalid, TooMany, Unauthenticated
from appliance.events import emit
from appliance.identity import Role, Team, User
from plugins_builtin.auth_password import store
from plugins_builtin.teams import service as teams

WINDOW_MS = 5 * 60 * 1000
# Per user and address, so that a stranger elsewhere can't lock somebody out; per address against guessing many users.
TRIES_PER_USER_AND_ADDRESS = 8
TRIES_PER_ADDRESS = 60
MIN_LENGTH, MAX_LENGTH = 8, 256

# OWASP's argon2id parameters for little memory: 19 MiB, 2 passes.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_HASH_OF_NOBODY = _hasher.hash("nobody has this password")


def begin(ctx: Context, form: Mapping[str, str]) -> str | None:
    """The form is all it needs."""
    return None


def sign_in(ctx: Context, form: Mapping[str, str], address: str) -> str:
    """The id of the user; Unauthenticated or TooMany. Takes the same time whether the user exists or not."""
    handle, password = (
        form.get("user", "").strip().lower()[:100],
        form.get("password", "")[:MAX_LENGTH],
    )
    pair = f"{handle}|{address}"
    _check_rate(ctx, pair, address)
    user = identity.user_by_handle(ctx.db, handle)
    hashed = store.hash_of(ctx.db, user.id) if user and not user.disabled else None
    if not _matches(hashed or _HASH_OF_NOBODY, password) or user is None or hashed is None:
        with write(ctx.db) as db:
            for who in (pair, address):
                store.add_failure(db, who, ctx.clock.now_ms() - WINDOW_MS)
        raise Unauthenticated(
            "user name or password is wrong",
            hint="an admin can set a new one with `appliance users reset`",
        )
    with write(ctx.db) as db:
        store.clear_failures(db, pair)
    return user.id


def _check_rate(ctx: Context, pair: str, address: str) -> None:
    since = ctx.clock.now_ms() - WINDOW_MS
    if (
        store.failures(ctx.db, pair, since) >= TRIES_PER_USER_AND_ADDRESS
        or store.failures(ctx.db, address, since) >= TRIES_PER_ADDRESS
    ):
        raise TooMany("too many wrong passwords", hint="wait five minutes and try again")


def _matches(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def set_password(ctx: Context, user: User, password: str) -> None:
    """Set it and sign the user out everywhere. API keys stay good."""
    require_admin(ctx)
    hashed = _hashed(password)
    with write(ctx.db) as db:
        store.put(db, user.id, hashed)
        sessions.end_all(db, user.id)
        emit(db, "user.password_set", subject=user.id, actor=ctx.principal.user_id)


def change_password(ctx: Context, current: str, password: str) -> None:
    """Somebody's own, known before; ends their other sessions. Wrong tries count as at signing in."""
    principal = require_session(ctx)
    hashed = _hashed(password)
    sign_in(ctx, {"user": principal.user_name, "password": current}, ctx.address)
    with write(ctx.db) as db:
        store.put(db, principal.user_id, hashed)
        sessions.end_others(db, principal.user_id, principal.credential)
        emit(db, "user.password_set", subject=principal.user_id, actor=principal.user_id)


def _hashed(password: str) -> str:
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Invalid(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    return _hasher.hash(password)


def reset_password(ctx: Context, user_id: str) -> tuple[User, str]:
    """A fresh one for somebody, which is shown once."""
    require_admin(ctx)
    user, password = identity.user_by_id(ctx.db, user_id), fresh_password()
    set_password(ctx, user, password)
    return user, password


def has_password(ctx: Context, user: User) -> bool:
    """Whether this user can sign in with one."""
    return store.hash_of(ctx.db, user.id) is not None


def fresh_password() -> str:
    """A random one: 16 characters, 96 bits."""
    return secrets.token_urlsafe(12)


def add_user(
    ctx: Context, handle: str, email: str, is_admin: bool, team: Team, role: Role
) -> tuple[User, str]:
    """A new user with a fresh password, which is shown once."""
    user = teams.add_user(ctx, handle, email, is_admin, team, role)
    password = fresh_password()
    set_password(ctx, user, password)
    return user, password


def ensure_first_admin(ctx: Context, environ: Mapping[str, str]) -> Mapping[str, str]:
    """On a new appliance: the team `lab` and its owner `admin`. Returns user and password once."""
    if not store.is_empty(ctx.db):
        return {}
    team = teams.ensure_team(ctx, "lab", "Lab")
    password = environ.get("APPLIANCE_ADMIN_PASSWORD") or fresh_password()
    admin = identity.user_by_handle(ctx.db, "admin")
    if admin is None:
        admin = teams.add_user(ctx, "admin", "admin@localhost.localdomain", True, team, "owner")
    set_password(ctx, admin, password)
    return {"user": "admin", "password": password}
