"""What the pages about people show, made up."""

from __future__ import annotations

from typing import Any

from tests.web.samples import DAY, MINUTE, NASTY, NOW_MS

PROFILE: dict[str, Any] = {
    "title": "Profile",
    "user": {"name": "ann", "email": "ann@example.org", "is_admin": True},
    "memberships": [
        {"team": "Vision lab", "role": "owner"},
        {"team": "Protein folding", "role": "member"},
    ],
    "keys": [
        {
            "id": "ak1",
            "name": NASTY,
            "team": "Vision lab",
            "created_ms": NOW_MS - 9 * DAY,
            "used_ms": NOW_MS - MINUTE,
            "expires_ms": NOW_MS + 81 * DAY,
        },
        {
            "id": "ak2",
            "name": "nightly evaluation on the cluster",
            "team": "Protein folding",
            "created_ms": NOW_MS - DAY,
            "used_ms": None,
            "expires_ms": None,
        },
    ],
    "values": {"name": "", "team": "te1", "expires_in_days": "90"},
    "key_errors": {},
    "team_choices": [
        {"value": "te1", "label": "Vision lab"},
        {"value": "te2", "label": "Protein folding"},
    ],
    "sessions": [
        {"provider": "password", "created_ms": NOW_MS - DAY, "seen_ms": NOW_MS, "is_this": True},
        {
            "provider": "password",
            "created_ms": NOW_MS - 4 * DAY,
            "seen_ms": NOW_MS - 3 * DAY,
            "is_this": False,
        },
    ],
    "has_password": True,
    "password_errors": {},
}


def _member(name: str, role: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"us{name}",
        "user_name": name,
        "role": role,
        "joined_ms": NOW_MS - 9 * DAY,
        "is_you": False,
        "disabled": False,
        "can_change": True,
        **fields,
    }


TEAM: dict[str, Any] = {
    "title": "Team Vision lab",
    "team": {"id": "te1", "name": "Vision lab"},
    "members": [
        _member("ann", "owner", is_you=True),
        _member("bo", "admin"),
        _member("eve", "member", disabled=True),
    ],
    "can_manage": True,
    "roles": ["member", "admin", "owner"],
    "values": {"user": "", "role": "member"},
    "errors": {},
    "refused": "",
}


def _user(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"us{name}",
        "name": name,
        "email": f"{name}@example.org",
        "teams": ["Vision lab"],
        "is_admin": False,
        "disabled": False,
        "created_ms": NOW_MS - 30 * DAY,
        "is_you": False,
        **fields,
    }


USERS: dict[str, Any] = {
    "title": "Users",
    "users": [
        _user("ann", is_admin=True, is_you=True, teams=["Vision lab", "Protein folding"]),
        _user("bo"),
        _user("eve", disabled=True, teams=[]),
    ],
    "team_choices": [{"value": "vision", "label": "Vision lab"}],
    "values": {"name": "", "email": "", "team": "", "role": "member"},
    "errors": {},
    "refused": "",
}
MACHINE_TYPES: dict[str, Any] = {
    "title": "Machine types",
    "names": [
        {"name": "C3", "instance_type": "C2", "chosen": False},
        {"name": "P4000", "instance_type": "", "chosen": False},
        {"name": "A100-80G", "instance_type": "C2", "chosen": True},
    ],
    "types": ["C1", "C2"],
    "values": {"name": "", "instance_type": ""},
    "errors": {},
}
ONCE = {
    "title": "New API key",
    "text": "ak-xT9o3kq1u7Jm2wZs5vB8nR4yC6dE0fGhLpQaXiUtKs",
    "label": "API key",
    "note": "Put it where the program that needs it finds it, as APPLIANCE_API_KEY.",
    "back_url": "/profile",
    "back_label": "Back to the profile",
}

# as in pages.PAGES
PEOPLE: list[tuple[str, str, dict[str, Any]]] = [
    ("profile", "account/profile.html", PROFILE),
    (
        "profile-errors",
        "account/profile.html",
        {
            **PROFILE,
            "keys": [],
            "values": {"name": "", "team": "te2", "expires_in_days": "0"},
            "key_errors": {"name": "This is needed.", "": "you have 100 API keys in this team"},
            "password_errors": {"current": "user name or password is wrong", "": "no"},
        },
    ),
    ("once", "once.html", ONCE),
    ("members", "teams/members.html", TEAM),
    (
        "members-refused",
        "teams/members.html",
        {
            **TEAM,
            "values": {"user": NASTY, "role": "admin"},
            "errors": {"user": "there is no user of this name"},
            "refused": "a team needs an owner: make somebody else owner first",
        },
    ),
    (
        "members-as-member",
        "teams/members.html",
        {
            **TEAM,
            "members": [
                _member("ann", "owner", can_change=False),
                _member("bo", "member", can_change=False),
            ],
            "can_manage": False,
            "roles": ["member"],
        },
    ),
    ("users", "auth_password/users.html", USERS),
    (
        "users-errors",
        "auth_password/users.html",
        {
            **USERS,
            "values": {"name": NASTY, "email": "x", "team": "vision", "role": "admin"},
            "errors": {"name": "there is a user bo already", "email": "not right"},
            "refused": "this is the only admin of the appliance: make another one first",
        },
    ),
    ("machine-types", "instance_types/names.html", MACHINE_TYPES),
    (
        "machine-types-errors",
        "instance_types/names.html",
        {
            **MACHINE_TYPES,
            "values": {"name": NASTY, "instance_type": "C2"},
            "errors": {"name": "that can't be a machine type"},
        },
    ),
]
