"""A body that works for each operation of the API; `$name` stands for a thing of the matrix's world."""

from __future__ import annotations

from typing import Any

BODIES: dict[str, dict[str, Any]] = {
    "projects.create": {"name": "new"},
    "projects.update": {"name": "renamed"},
    "notebooks.create": {"projectId": "$project_id", "machineType": "C1"},
    "settings.set": {"value": "2"},
    "teams.set_role": {"isAdmin": True},
}

QUERIES: dict[str, str] = {"search.find": "?q=nb"}
