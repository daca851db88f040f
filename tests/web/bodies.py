"""A body that works for each operation of the API; `$name` stands for a thing of the matrix's world."""

from __future__ import annotations

from typing import Any

from tests.person import PASSWORD

BODIES: dict[str, dict[str, Any]] = {
    "projects.create": {"name": "new"},
    "projects.update": {"name": "renamed"},
    "notebooks.create": {"projectId": "$project_id", "machineType": "C1"},
    "api_keys.create": {"name": "new"},
    "images.create": {"name": "new", "containerfile": "FROM localhost/x"},
    "auth.login": {"user": "owner", "password": PASSWORD},
    "machine_types.map": {"instanceType": "C1"},
    "project_collaborators.add": {"userId": "$user_id"},
    "project_tags.add": {"name": "new"},
    "teams.add_member": {"user": "eve"},
    "teams.set_role": {"isAdmin": True},
}

QUERIES: dict[str, str] = {"project_tags.remove": "?name=tag"}
