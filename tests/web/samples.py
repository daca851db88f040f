"""Every template with made-up data, as the checks and the gallery render them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from appliance.clock import ManualClock
from appliance.plugins import loader
from appliance.web import filters, openapi, reference

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "appliance/web/templates", *sorted(ROOT.glob("plugins_builtin/*/templates"))]
NOW_MS = 1_795_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NASTY = '<script>alert("1")</script>'
LOG = "".join(
    f"[I 2026-11-18 09:0{n % 10}:00 ServerApp] jupyterlab | extension {n} loaded\n"
    for n in range(40)
)


def environment(prefix: str = "/static/") -> Environment:
    """What the application's own environment has, but undefined names are errors."""
    made = Environment(loader=FileSystemLoader(FOLDERS), autoescape=True, undefined=StrictUndefined)
    filters.install(made, ManualClock(NOW_MS))
    made.globals["static"] = lambda path: f"{prefix}{path}?v=0"
    return made


def template_names() -> list[str]:
    """Every template in the repository; two of one name would show up as a missing sample."""
    return sorted(str(p.relative_to(f)) for f in FOLDERS for p in f.rglob("*.html"))


def notebook(state: str = "running", **fields: Any) -> dict[str, Any]:
    """One notebook as pages get it."""
    going = state in ("provisioning", "starting", "running")
    return {
        "id": "nk3v9x2m1q8z7w4",
        "name": "diffusion ablation",
        "state": state,
        "reason": "",
        "message": "",
        "instance_type": "C2",
        "image": "notebook",
        "owner": "ann",
        "started_ms": None if state == "pending" else NOW_MS - 2 * HOUR,
        "ended_ms": None if going or state == "pending" else NOW_MS - 5 * MINUTE,
        "created_ms": NOW_MS - 9 * DAY,
        "open_url": "http://nk3v9x2m1q8z7w4.localhost:8080/n/nk3v9x2m1q8z7w4/" if going else "",
        "project_id": "pr7h2k9d3s5",
        "wait_position": 2 if state == "pending" else None,
        "wait_reason": (
            "C2 needs 2 CPUs, 1 is free; protein folding has 6" if state == "pending" else ""
        ),
        "can_edit": True,
        **fields,
    }


def _nav() -> list[dict[str, Any]]:
    entries = [
        ("Projects", "/projects", "folder", True, False),
        ("Images", "/images", "photo", False, False),
        ("Cluster", "/cluster", "server-2", False, False),
        ("Team", "/members", "users", False, False),
        ("Users", "/admin/users", "user", False, True),
        ("Settings", "/admin/settings", "settings", False, True),
    ]
    keys = ("title", "url", "icon", "active", "admin")
    return [dict(zip(keys, entry)) for entry in entries]


def _tabs(*titles: str) -> list[dict[str, Any]]:
    return [
        {"title": title, "url": f"/{title.lower()}", "active": number == 0}
        for number, title in enumerate(titles)
    ]


SHELL: dict[str, Any] = {
    "principal": {"user_name": "ann", "team_name": "Vision lab", "is_admin": True},
    "teams": [
        {"id": "te1", "name": "Vision lab", "current": True},
        {"id": "te2", "name": "Protein folding", "current": False},
    ],
    "nav": _nav(),
    "crumbs": [
        ("Projects", "/projects"),
        ("Segmentation", "/projects/pr7h2k9d3s5"),
        ("diffusion ablation", None),
    ],
    "title": "diffusion ablation",
    "csrf_token": "token",
    "shared_origin": True,
    "csp_nonce": "nonce",
    "flashes": [],
    "stream_url": "",
    "search_enabled": True,
}

PROJECT = {
    "id": "pr7h2k9d3s5",
    "name": "Segmentation",
    "created_ms": NOW_MS - 40 * DAY,
    "notebook_count": 4,
    "running_count": 1,
}
TYPES = [
    {"name": "C1", "cpus": 1, "memory_mib": 2048, "gpus": 0, "free": 5},
    {"name": "C2", "cpus": 2, "memory_mib": 4096, "gpus": 0, "free": 2},
    {"name": "A100x1", "cpus": 12, "memory_mib": 92160, "gpus": 1, "free": 0},
]
SESSIONS = [
    {
        "id": "wb",
        "state": "running",
        "message": "",
        "started_ms": NOW_MS - 2 * HOUR,
        "ended_ms": None,
        "exit_code": None,
        "instance_type": "C2",
    },
    {
        "id": "wa",
        "state": "failed",
        "message": "the program failed with exit code 1",
        "started_ms": NOW_MS - DAY,
        "ended_ms": NOW_MS - 20 * HOUR,
        "exit_code": 1,
        "instance_type": "C1",
    },
]
DETAIL: dict[str, Any] = {
    "notebook": notebook(),
    "session_id": "wk3v9x2m1q8z7w4",
    "instance_types": TYPES,
    "log_tail": "",
    "used": {"ms": NOW_MS - 95 * MINUTE, "by": "a busy kernel"},
    "stop": None,
    "memory_killed_ms": None,
    "tabs": _tabs("Overview", "Files"),
    "log": {
        "workload": "wb",
        "text": LOG,
        "start": 1200,
        "end": 1200 + len(LOG),
        "url": "/notebooks/nk/log/wb",
    },
    "sessions": SESSIONS,
}
STOPPING_SOON = {
    **DETAIL,
    "notebook": notebook(
        message="a process was killed for memory at 3.9 of 4.0 GiB: use a larger instance type, or load less at once; "
        "the rest goes on"
    ),
    "stop": {
        "at_ms": NOW_MS + 14 * MINUTE,
        "soon": True,
        "why": "idle since 14:20 UTC, last used by a busy kernel; its idle limit is 2 h",
    },
    "memory_killed_ms": NOW_MS - 100 * MINUTE,
}
FAILED = notebook(
    "failed",
    reason="OutOfMemory",
    message="the program was killed: it used more than its 4096 MiB of memory. "
    "Start it on a larger instance type, or load less at once",
)
PROJECT_TABS = {"project": PROJECT, "tabs": _tabs("Notebooks", "Settings"), "title": "Segmentation"}
ROWS = {
    "notebooks": [
        notebook(),
        notebook("starting", id="n2", name="baseline"),
        notebook("pending", id="n3", name="sweep 40 learning rates", owner="bo"),
        notebook("failed", id="n4", name=NASTY),
        notebook("stopped", id="n5", name="old idea", owner="bo", can_edit=False),
    ],
    "rows_url": "/projects/pr7h2k9d3s5/notebooks?rows=1",
    "can_create": True,
    "previous_url": "",
    "next_url": "/projects/pr7h2k9d3s5/notebooks?after=n5",
}
NEW_NOTEBOOK: dict[str, Any] = {
    "project": PROJECT,
    "title": "New notebook",
    "values": {
        "name": "notebook 5",
        "image": "notebook",
        "instance_type": "C2",
        "other_image": "",
        "command": "",
        "shutdown_timeout_h": "",
        "idle_shutdown_h": "",
        "registry_username": "",
    },
    "errors": {},
    "images": [
        {"name": "notebook", "title": "JupyterLab on Debian 12", "state": "ready"},
        {"name": "base", "title": "Python only", "state": "missing"},
    ],
    "instance_types": TYPES,
    "cli": "appliance notebooks create --project pr7h2k9d3s5",
}
LOGIN = {
    "title": "Sign in",
    "providers": [
        {"name": "password", "label": "Sign in", "url": "/login/password", "password": True}
    ],
    "next": "/",
    "values": {"user": ""},
    "error": "",
    "hint": "",
}
SECRETS: dict[str, Any] = {
    "title": "Secrets",
    "scope": "team",
    "secrets": [
        {"name": "HF_TOKEN", "created_ms": NOW_MS - 9 * DAY, "modified_ms": NOW_MS - HOUR},
        {"name": "deploy.key", "created_ms": NOW_MS - DAY, "modified_ms": NOW_MS - DAY},
    ],
    "base_url": "/secrets/team",
    "can_edit": True,
    "name_pattern": "[A-Z]+",
    "values": {"name": ""},
    "errors": {},
    "next_url": "",
    "tabs": _tabs("Team", "Cluster"),
}
REGISTRY = {
    "id": "crabcdefg",
    "name": "Our images",
    "url": "https://ghcr.io",
    "namespace": "vision-lab",
    "username": "robot",
    "modified_ms": NOW_MS - DAY,
}
REGISTRIES: dict[str, Any] = {
    "title": "Registries",
    "registries": [REGISTRY, {**REGISTRY, "id": "cr2", "name": NASTY, "namespace": ""}],
    "can_edit": True,
    "values": {"name": "", "url": "", "namespace": "", "username": ""},
    "errors": {},
}
ONE_REGISTRY = {**REGISTRIES, "registry": REGISTRY, "values": REGISTRY, "tested": None}
CLUSTER = {
    "title": "Cluster",
    "capacity": [
        {"title": "CPU", "used": 7, "total": 8, "text": "7 of 8 CPUs in use"},
        {"title": "Memory", "used": 12, "total": 32, "text": "12.0 of 32.0 GiB in use"},
    ],
    "types": TYPES,
    "leases": [
        {
            "name": "diffusion ablation",
            "url": "/notebooks/n1",
            "owner": "ann",
            "team_name": "Vision lab",
            "instance_type": "C2",
            "since_ms": NOW_MS - 2 * HOUR,
        },
        {
            "name": "a notebook",
            "url": "",
            "owner": "eve",
            "team_name": "Protein folding",
            "instance_type": "A100x1",
            "since_ms": NOW_MS - 3 * DAY,
        },
    ],
    "queue": [
        {
            "position": 1,
            "name": "sweep 40 learning rates",
            "url": "/notebooks/n3",
            "owner": "bo",
            "instance_type": "C2",
            "reason": "needs 2 CPUs, 1 is free",
            "since_ms": NOW_MS - 7 * MINUTE,
        }
    ],
}
FILES = {
    **DETAIL,
    "tabs": _tabs("Files", "Overview"),
    "path": [("notebooks", "/files"), ("data", "/files?path=data")],
    "entries": [
        {
            "name": "raw",
            "url": "/files?path=data/raw",
            "is_dir": True,
            "size_bytes": None,
            "modified_ms": NOW_MS - DAY,
            "download_url": "",
        },
        {
            "name": NASTY + ".ipynb",
            "url": "",
            "is_dir": False,
            "size_bytes": 48_213,
            "modified_ms": NOW_MS - MINUTE,
            "download_url": "/d?path=x",
        },
        {
            "name": "weights.safetensors",
            "url": "",
            "is_dir": False,
            "size_bytes": 3_441_213_440,
            "modified_ms": NOW_MS - 5 * HOUR,
            "download_url": "/d?path=y",
        },
    ],
    "truncated": True,
    "error": "",
}
ERROR = {
    "title": "Not allowed",
    "code": 412,
    "message": "your team has 2 of 2 notebooks running",
    "hint": "stop a notebook or ask an admin",
    "issues": ["instance_type: no such type"],
    "back_url": "/projects",
}
STARTING = {
    "name": NASTY,
    "state": "starting",
    "on_its_way": True,
    "message": "",
    "last_step": "the container is up, JupyterLab does not answer yet",
    "position": None,
    "page_url": "http://localhost:8080/notebooks/nk",
}


REFERENCE = {
    "title": "API",
    "groups": reference.groups(openapi.document(loader.load().api_resources.values())),
}


def render(template: str, context: dict[str, Any], prefix: str = "/static/") -> str:
    """One template with one sample context."""
    return environment(prefix).get_template(template).render({**SHELL, **context})
