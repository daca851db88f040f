"""Who exists: users, teams, who belongs where with which role, and which team a project is in.

All SQL of these tables is here. What they may do is access.py; the pages and commands are the plugin `teams`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from sqlite_utils import Database, Migrations

from appliance.config import TEAMS_PER_SLOT
from appliance.db import Db, execute, row, rows, script
from appliance.errors import Conflict, Invalid, NotFound, Refused
from appliance.ids import new_id

Role = Literal["owner", "admin", "member"]
ROLES: tuple[Role, ...] = ("owner", "admin", "member")

# Gradient's rule for a team's namespace; user names follow it as well.
_HANDLE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_HANDLE = 39

migrations = Migrations("identity")


@migrations()
def m001_identity(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE users (
            id TEXT PRIMARY KEY, handle TEXT NOT NULL UNIQUE, email TEXT NOT NULL, is_admin INTEGER NOT NULL,
            disabled INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL);
        CREATE TABLE teams (
            id TEXT PRIMARY KEY, namespace TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
            slot INTEGER NOT NULL UNIQUE, created_ms INTEGER NOT NULL);
        CREATE TABLE memberships (
            team_id TEXT NOT NULL REFERENCES teams(id), user_id TEXT NOT NULL REFERENCES users(id),
            role TEXT NOT NULL, created_ms INTEGER NOT NULL, PRIMARY KEY (team_id, user_id));
        CREATE TABLE project_teams (project_id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES teams(id));
        """,
    )


@dataclass(frozen=True)
class User:
    id: str
    handle: str
    email: str
    is_admin: bool
    disabled: bool
    created_ms: int


@dataclass(frozen=True)
class Team:
    """slot: which uid range and subnet of the instance the team owns, for ever, from 1."""

    id: str
    namespace: str
    name: str
    slot: int
    created_ms: int


@dataclass(frozen=True)
class Member:
    """seq: in the order in which they joined."""

    seq: int
    user: User
    role: Role
    created_ms: int


def check_handle(text: str, what: str) -> str:
    """The text if it may be a user's or team's name, else Invalid."""
    if len(text) > MAX_HANDLE or not _HANDLE.fullmatch(text):
        raise Invalid(
            f"{text[:60]!r} can't be {what}",
            hint=f"use lower-case letters, digits and single hyphens, at most {MAX_HANDLE}",
        )
    return text


def _user(found: dict[str, Any]) -> User:
    return User(
        **{**found, "is_admin": bool(found["is_admin"]), "disabled": bool(found["disabled"])}
    )


def add_user(db: Db, handle: str, email: str, is_admin: bool) -> User:
    """Conflict when the name is taken."""
    check_handle(handle, "a user name")
    if row(db, "SELECT 1 FROM users WHERE handle = ?", (handle,)):
        raise Conflict(f"there is a user {handle} already")
    user_id = new_id("us")
    execute(
        db,
        "INSERT INTO users (id, handle, email, is_admin, created_ms) VALUES (?, ?, ?, ?, ?)",
        (user_id, handle, email, int(is_admin), db.clock.now_ms()),
    )
    return user_by_id(db, user_id)


def user_by_id(db: Db, user_id: str) -> User:
    found = row(db, "SELECT * FROM users WHERE id = ?", (user_id,))
    if found is None:
        raise NotFound("no such user")
    return _user(found)


def user_by_handle(db: Db, handle: str) -> User | None:
    found = row(db, "SELECT * FROM users WHERE handle = ?", (handle,))
    return _user(found) if found else None


def users(db: Db) -> list[User]:
    return [_user(found) for found in rows(db, "SELECT * FROM users ORDER BY handle")]


def set_admin(db: Db, user_id: str, is_admin: bool) -> None:
    execute(db, "UPDATE users SET is_admin = ? WHERE id = ?", (int(is_admin), user_id))


def set_disabled(db: Db, user_id: str, disabled: bool) -> None:
    execute(db, "UPDATE users SET disabled = ? WHERE id = ?", (int(disabled), user_id))


def add_team(db: Db, namespace: str, name: str) -> Team:
    """Takes the next free slot; slots are never given twice, since files of a team keep its uids."""
    check_handle(namespace, "a team's namespace")
    if row(db, "SELECT 1 FROM teams WHERE namespace = ?", (namespace,)):
        raise Conflict(f"there is a team {namespace} already")
    taken = row(db, "SELECT max(slot) AS slot FROM teams")
    slot = ((taken and taken["slot"]) or 0) + 1
    if slot > TEAMS_PER_SLOT:
        raise Refused(f"all {TEAMS_PER_SLOT} team slots of this appliance are in use")
    team_id = new_id("te")
    execute(
        db,
        "INSERT INTO teams VALUES (?, ?, ?, ?, ?)",
        (team_id, namespace, name, slot, db.clock.now_ms()),
    )
    return team_by_id(db, team_id)


def team_by_id(db: Db, team_id: str) -> Team:
    found = row(db, "SELECT * FROM teams WHERE id = ?", (team_id,))
    if found is None:
        raise NotFound("no such team")
    return Team(**found)


def team_by_namespace(db: Db, namespace: str) -> Team | None:
    found = row(db, "SELECT * FROM teams WHERE namespace = ?", (namespace,))
    return Team(**found) if found else None


def teams(db: Db) -> list[Team]:
    return [Team(**found) for found in rows(db, "SELECT * FROM teams ORDER BY slot")]


def teams_of(db: Db, user_id: str) -> list[Team]:
    """The teams a user belongs to, oldest membership first."""
    found = rows(
        db,
        "SELECT t.* FROM teams t JOIN memberships m ON m.team_id = t.id WHERE m.user_id = ?"
        " ORDER BY m.created_ms, t.slot",
        (user_id,),
    )
    return [Team(**item) for item in found]


def set_member(db: Db, team_id: str, user_id: str, role: Role) -> None:
    """Add a member, or change the role."""
    if role not in ROLES:
        raise Invalid(f"{role!r} is no role", hint=f"roles: {', '.join(ROLES)}")
    execute(
        db,
        "INSERT INTO memberships VALUES (?, ?, ?, ?) ON CONFLICT (team_id, user_id) DO UPDATE SET role = excluded.role",
        (team_id, user_id, role, db.clock.now_ms()),
    )


def remove_member(db: Db, team_id: str, user_id: str) -> None:
    execute(db, "DELETE FROM memberships WHERE team_id = ? AND user_id = ?", (team_id, user_id))


def role_in(db: Db, team_id: str, user_id: str) -> Role | None:
    """The role of a user who is not disabled, or None."""
    found = row(
        db,
        "SELECT m.role FROM memberships m JOIN users u ON u.id = m.user_id"
        " WHERE m.team_id = ? AND m.user_id = ? AND u.disabled = 0",
        (team_id, user_id),
    )
    return found["role"] if found else None


_MEMBERS = (
    "SELECT u.*, m.rowid AS m_seq, m.role AS m_role, m.created_ms AS m_created"
    " FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.team_id = :team"
)


def _member(found: dict[str, Any]) -> Member:
    return Member(
        found.pop("m_seq"),
        role=found.pop("m_role"),
        created_ms=found.pop("m_created"),
        user=_user(found),
    )


def members(db: Db, team_id: str) -> list[Member]:
    """Everybody, by name."""
    return [_member(item) for item in rows(db, f"{_MEMBERS} ORDER BY u.handle", {"team": team_id})]


def find_members(
    db: Db, team_id: str, *, role: str = "", after: int = 0, limit: int, newest_first: bool = True
) -> list[Member]:
    """Those of a role, "" = of any, behind the one of number `after` (0 = from the start)."""
    sign, order = ("<", "DESC") if newest_first else (">", "ASC")
    found = rows(
        db,
        f"{_MEMBERS} AND (:role = '' OR m.role = :role) AND (:after = 0 OR m.rowid {sign} :after)"
        f" ORDER BY m.rowid {order} LIMIT :limit",
        {"team": team_id, "role": role, "after": after, "limit": limit},
    )
    return [_member(item) for item in found]


def place_project(db: Db, project_id: str, team_id: str) -> None:
    execute(db, "INSERT INTO project_teams VALUES (?, ?)", (project_id, team_id))


def team_of_project(db: Db, project_id: str) -> str:
    """NotFound for an unknown project."""
    found = row(db, "SELECT team_id FROM project_teams WHERE project_id = ?", (project_id,))
    if found is None:
        raise NotFound(
            "no such project", hint="check the id, or ask a member of its team to add you"
        )
    return str(found["team_id"])


def drop_project(db: Db, project_id: str) -> None:
    execute(db, "DELETE FROM project_teams WHERE project_id = ?", (project_id,))
