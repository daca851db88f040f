"""A body that works for each operation of the API; `$name` stands for a thing of the matrix's world."""

from __future__ import annotations

from typing import Any

from tests.person import PASSWORD

SCOPES = ("project", "team", "cluster")
REGISTRY = {"name": "r", "url": "http://127.0.0.1:1", "username": "u", "password": "a-password"}

BODIES: dict[str, dict[str, Any]] = {
    "projects.create": {"name": "new"},
    "projects.update": {"name": "renamed"},
    "notebooks.create": {"projectId": "$project_id", "machineType": "C1"},
    "notebooks.keep": {"hours": 1},
    "settings.set": {"value": "2"},
    "api_keys.create": {"name": "new"},
    "notebooks.save_image": {"name": "saved"},
    "images.create": {"name": "new", "container": "docker.io/library/x:1"},
    "auth.login": {"user": "owner", "password": PASSWORD},
    "machine_types.map": {"instanceType": "C1"},
    "project_collaborators.add": {"userId": "$user_id"},
    "project_tags.add": {"name": "new"},
    "teams.add_member": {"user": "eve"},
    "teams.set_role": {"isAdmin": True},
    "container_registries.create": REGISTRY,
    "container_registries.update": {"username": "ann"},
    "secrets.ephemeral": {"name": "ONCE", "value": "a-value"},
    **{f"secrets.create_{scope}": {"name": "NEW", "value": "a-value"} for scope in SCOPES},
    **{
        f"secrets.{do}_{scope}": {"value": "a-value"}
        for scope in SCOPES
        for do in ("update", "set")
    },
}

QUERIES: dict[str, str] = {"project_tags.remove": "?name=tag", "search.find": "?q=nb"}
