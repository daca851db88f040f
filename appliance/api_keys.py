"""API keys: what programs of a user send, good in one team. The use cases are the plugin `api_keys`.

Only digests are stored. Every request looks its key up, so that revoking it, disabling its user and losing the membership
work at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database, Migrations

from appliance import crypto
from appliance.db import Db, execute, row, rows, script
from appliance.errors import NotFound
from appliance.ids import new_id

PREFIX = "ak-"  # what searches for leaked secrets can look for
USED_EVERY_MS = 60 * 1000

migrations = Migrations("api_keys")


@migrations()
def m001_api_keys(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE api_keys (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, digest TEXT NOT NULL UNIQUE,
            user_id TEXT NOT NULL REFERENCES users(id), team_id TEXT NOT NULL REFERENCES teams(id), name TEXT NOT NULL,
            created_ms INTEGER NOT NULL, used_ms INTEGER, expires_ms INTEGER);
        CREATE INDEX api_keys_by_team ON api_keys (team_id, seq);
        CREATE INDEX api_keys_by_user ON api_keys (user_id, seq);
        """,
    )


@dataclass(frozen=True)
class ApiKey:
    """A row; the key itself is with its user only. used_ms: None if never; expires_ms: None = never."""

    seq: int
    id: str
    user_id: str
    team_id: str
    name: str
    created_ms: int
    used_ms: int | None
    expires_ms: int | None


_COLUMNS = "k.seq, k.id, k.user_id, k.team_id, k.name, k.created_ms, k.used_ms, k.expires_ms"
_LIVE = (
    f"SELECT {_COLUMNS} FROM api_keys k JOIN users u ON u.id = k.user_id AND u.disabled = 0"
    " JOIN memberships m ON m.team_id = k.team_id AND m.user_id = k.user_id"
    " WHERE (k.expires_ms IS NULL OR k.expires_ms > ?)"
)


def add(
    db: Db, user_id: str, team_id: str, name: str, expires_ms: int | None
) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody can read again. Inside `write`; forgets the user's expired ones."""
    text, key_id, now = PREFIX + crypto.new_token(), new_id("ak"), db.clock.now_ms()
    execute(db, "DELETE FROM api_keys WHERE user_id = ? AND expires_ms <= ?", (user_id, now))
    execute(
        db,
        "INSERT INTO api_keys (id, digest, user_id, team_id, name, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key_id, crypto.digest(text), user_id, team_id, name, now, expires_ms),
    )
    return get(db, key_id), text


def find(db: Db, text: str) -> ApiKey | None:
    """The live key of this text, noting once a minute that it was used."""
    now = db.clock.now_ms()
    found = row(db, f"{_LIVE} AND k.digest = ?", (now, crypto.digest(text)))
    if found is None:
        return None
    key = ApiKey(**found)
    if key.used_ms is None or now - key.used_ms > USED_EVERY_MS:
        execute(db, "UPDATE api_keys SET used_ms = ? WHERE id = ?", (now, key.id))
    return key


def by_id(db: Db, key_id: str) -> ApiKey | None:
    """A key that is good now: neither revoked nor expired, its user neither disabled nor out of the team."""
    found = row(db, f"{_LIVE} AND k.id = ?", (db.clock.now_ms(), key_id))
    return ApiKey(**found) if found else None


def get(db: Db, key_id: str) -> ApiKey:
    """A key, good or not; NotFound."""
    found = row(db, f"SELECT {_COLUMNS} FROM api_keys k WHERE k.id = ?", (key_id,))
    if found is None:
        raise not_found()
    return ApiKey(**found)


def not_found() -> NotFound:
    """What is said of a key that does not exist, or belongs to others."""
    return NotFound("no such API key", hint="list yours to see their ids")


def find_all(
    db: Db, *, team_id: str = "", user_id: str = "", after: int = 0, limit: int = -1,
    newest_first: bool = True,
) -> list[ApiKey]:  # fmt: skip
    """Keys of a team, of a user, or of a user in a team, behind the one of number `after` (0 = from the start)."""
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    found = rows(
        db,
        f"SELECT {_COLUMNS} FROM api_keys k WHERE (:team = '' OR k.team_id = :team)"
        f" AND (:user = '' OR k.user_id = :user) AND (:after = 0 OR k.seq {sign} :after)"
        f" ORDER BY k.seq {order} LIMIT :limit",
        {"team": team_id, "user": user_id, "after": after, "limit": limit},
    )
    return [ApiKey(**item) for item in found]


def remove(db: Db, key_id: str) -> None:
    """Revoke it. Inside `write`."""
    execute(db, "DELETE FROM api_keys WHERE id = ?", (key_id,))


def remove_all(db: Db, team_id: str, user_id: str) -> None:
    """Revoke all keys of a user in a team, so that none works again when the user comes back. Inside `write`."""
    execute(db, "DELETE FROM api_keys WHERE team_id = ? AND user_id = ?", (team_id, user_id))
