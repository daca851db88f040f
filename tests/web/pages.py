"""Every template in its interesting conditions: name of the picture, template, own context."""

from __future__ import annotations

from typing import Any

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
    PROJECT,
    PROJECT_TABS,
    REFERENCE,
    ROWS,
    STARTING,
    STOPPING_SOON,
    notebook,
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
    ("notebook-stopping-soon", "notebooks/detail.html", STOPPING_SOON),
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
    *PEOPLE,
    ("cluster", "instance_types/list.html", CLUSTER),
    ("cluster-idle", "instance_types/list.html", {**CLUSTER, "leases": [], "queue": []}),
    (
        "images",
        "images/list.html",
        {
            "title": "Images",
            "images": [
                {
                    "title": "JupyterLab on Debian 12",
                    "name": "notebook",
                    "description": "JupyterLab 4, NumPy, pandas, Matplotlib.",
                    "ref": "localhost/notebook:1",
                    "aliases": ("paperspace/gradient-base", "jupyter/base-notebook"),
                    "status": "ready",
                    "message": "",
                    "size_bytes": 464_000_000,
                },
                {
                    "title": "PyTorch",
                    "name": "pytorch",
                    "description": "PyTorch with CUDA.",
                    "ref": "docker.io/pytorch/pytorch:2.9.1-cuda13.0-cudnn9-runtime",
                    "aliases": (),
                    "status": "missing",
                    "message": "It is pulled when it is first used.",
                    "size_bytes": None,
                },
            ],
        },
    ),
    ("images-empty", "images/list.html", {"title": "Images", "images": []}),
]
