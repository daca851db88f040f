"""Every template in its interesting conditions: name of the picture, template, own context."""

from __future__ import annotations

from typing import Any

from tests.web.admin_samples import ADMIN_PAGES
from tests.web.samples import (
    CLUSTER,
    DETAIL,
    ERROR,
    FAILED,
    FILES,
    LOG,
    LOGIN,
    NASTY,
    NEW_NOTEBOOK,
    ONE_REGISTRY,
    PROJECT,
    PROJECT_TABS,
    REFERENCE,
    REGISTRIES,
    ROWS,
    SECRETS,
    STARTING,
    notebook,
)
from tests.web.samples_images import (
    FAILED_IMAGE,
    IMAGE,
    IMAGE_DETAIL,
    IMAGES,
    LOCAL_IMAGES,
    NEW_IMAGE,
)
from tests.web.samples_people import PEOPLE

PAGES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "home",
        "home.html",
        {
            "title": "Home",
            "panels": [
                {"title": "Running", "url": "/panels/running"},
                {"title": "Disk", "url": "/panels/disk"},
            ],
        },
    ),
    ("home-empty", "home.html", {"title": "Home", "panels": []}),
    ("reference", "reference.html", REFERENCE),
    ("login", "login.html", LOGIN),
    (
        "login-failed",
        "login.html",
        {
            **LOGIN,
            "values": {"user": "ann"},
            "error": "wrong user or password",
            "hint": "an admin can reset it: appliance users reset ann",
        },
    ),
    ("error", "error.html", ERROR),
    ("starting", "starting.html", STARTING),
    (
        "starting-stopped",
        "starting.html",
        {
            **STARTING,
            "name": "baseline",
            "state": "stopped",
            "on_its_way": False,
            "last_step": "",
            "message": "stopped on request",
        },
    ),
    (
        "projects",
        "projects/list.html",
        {
            "title": "Projects",
            "projects": [PROJECT, {**PROJECT, "id": "pr2", "name": NASTY, "running_count": 0}],
            "can_create": True,
            "previous_url": "",
            "next_url": "",
        },
    ),
    (
        "projects-empty",
        "projects/list.html",
        {
            "title": "Projects",
            "projects": [],
            "can_create": True,
            "previous_url": "",
            "next_url": "",
            "flashes": [{"kind": "success", "text": "Signed in."}],
        },
    ),
    (
        "project-new",
        "projects/new.html",
        {
            "title": "New project",
            "values": {"name": "Segmentation"},
            "errors": {"name": "your team has a project of this name"},
            "cli": "appliance projects create",
        },
    ),
    ("project", "projects/detail.html", PROJECT_TABS),
    (
        "project-settings",
        "projects/settings.html",
        {
            **PROJECT_TABS,
            "values": {"name": "Segmentation"},
            "errors": {},
            "can_edit": True,
            "pinned_by": [{"title": "notebook baseline", "url": "/notebooks/n2"}],
        },
    ),
    (
        "project-settings-unpinned",
        "projects/settings.html",
        {
            **PROJECT_TABS,
            "values": {"name": "Segmentation"},
            "errors": {},
            "can_edit": True,
            "pinned_by": [],
        },
    ),
    ("notebooks", "notebooks/list.html", {**PROJECT_TABS, **ROWS}),
    ("notebooks-empty", "notebooks/list.html", {**PROJECT_TABS, **ROWS, "notebooks": []}),
    ("notebooks-panel", "notebooks/_panel.html", ROWS),
    ("notebooks-panel-empty", "notebooks/_panel.html", {"notebooks": []}),
    ("cluster-panel", "instance_types/_panel.html", {**CLUSTER, "waiting": 2}),
    ("cluster-gauge", "instance_types/_gauge.html", {"running": 3, "waiting": 1}),
    ("notebooks-rows", "notebooks/_rows.html", {**PROJECT_TABS, **ROWS}),
    ("notebook-new", "notebooks/new.html", NEW_NOTEBOOK),
    (
        "notebook-new-wrong",
        "notebooks/new.html",
        {
            **NEW_NOTEBOOK,
            "values": {**NEW_NOTEBOOK["values"], "command": "bash -c 'x'"},
            "errors": {"": "nothing was created", "command": "needs an image that has bash"},
        },
    ),
    ("notebook-running", "notebooks/detail.html", DETAIL),
    (
        "notebook-pending",
        "notebooks/detail.html",
        {**DETAIL, "notebook": notebook("pending"), "log": None, "sessions": []},
    ),
    (
        "notebook-failed",
        "notebooks/detail.html",
        {**DETAIL, "notebook": FAILED, "log_tail": LOG[:600]},
    ),
    (
        "notebook-stopped",
        "notebooks/detail.html",
        {**DETAIL, "notebook": notebook("stopped", message="stopped on request")},
    ),
    (
        "notebook-card",
        "notebooks/_card.html",
        {**DETAIL, "notebook": notebook("stopping"), "session_id": ""},
    ),
    ("notebook-log", "notebooks/_log.html", DETAIL),
    ("notebook-sessions", "notebooks/_sessions.html", DETAIL),
    ("files", "notebooks/files.html", FILES),
    ("files-empty", "notebooks/files.html", {**FILES, "entries": [], "truncated": False}),
    ("secrets", "secrets/list.html", SECRETS),
    (
        "secrets-cluster-member",
        "secrets/list.html",
        {**SECRETS, "scope": "cluster", "can_edit": False},
    ),
    ("secrets-part", "secrets/_secrets.html", {**SECRETS, "secrets": []}),
    (
        "secrets-project-wrong",
        "secrets/project.html",
        {
            **SECRETS,
            **PROJECT_TABS,
            "scope": "project",
            "secrets": [],
            "values": {"name": NASTY},
            "errors": {"name": "Use letters, digits, _ . and -.", "value": "This is needed."},
        },
    ),
    ("registries", "container_registries/list.html", REGISTRIES),
    (
        "registries-empty-wrong",
        "container_registries/list.html",
        {
            **REGISTRIES,
            "registries": [],
            "values": {**ONE_REGISTRY["values"], "url": "hello world"},
            "errors": {"url": "This must be the address of a registry.", "": "nothing was added"},
        },
    ),
    (
        "registries-member",
        "container_registries/list.html",
        {**REGISTRIES, "can_edit": False},
    ),
    ("registry-form", "container_registries/_form.html", {**ONE_REGISTRY, "new": True}),
    ("registry", "container_registries/detail.html", ONE_REGISTRY),
    ("registry-member", "container_registries/detail.html", {**ONE_REGISTRY, "can_edit": False}),
    (
        "registry-works",
        "container_registries/detail.html",
        {**ONE_REGISTRY, "tested": {"success": True, "error": ""}},
    ),
    (
        "registry-refused",
        "container_registries/detail.html",
        {**ONE_REGISTRY, "tested": {"success": False, "error": "user name or password are wrong"}},
    ),
    *PEOPLE,
    ("cluster", "instance_types/list.html", CLUSTER),
    ("cluster-idle", "instance_types/list.html", {**CLUSTER, "leases": [], "queue": []}),
    ("images", "images/list.html", IMAGES),
    ("images-empty", "images/list.html", {**IMAGES, "images": []}),
    ("images-tile", "images/_tile.html", {"image": IMAGE}),
    ("image", "images/detail.html", IMAGE_DETAIL),
    ("image-failed", "images/detail.html", {**IMAGE_DETAIL, "image": FAILED_IMAGE, "log": None}),
    ("image-card", "images/_card.html", {"image": IMAGE}),
    ("image-new", "images/new.html", NEW_IMAGE),
    (
        "image-new-wrong",
        "images/new.html",
        {
            **NEW_IMAGE,
            "errors": {"": "give one", "name": "no", "container": "no", "containerfile": "no"},
        },
    ),
    ("images-local", "images/local.html", LOCAL_IMAGES),
    ("images-local-empty", "images/local.html", {**LOCAL_IMAGES, "images": []}),
    *ADMIN_PAGES,
]
