"""The admin's pages and the search with made-up data."""

from __future__ import annotations

from typing import Any

from appliance.runtime.doctor import Check
from plugins_builtin.admin.specs import HealthReply, LoopReply
from tests.web.samples import DAY, MINUTE, NASTY, NOW_MS

Sample = tuple[str, str, dict[str, Any]]

_PLUGIN: dict[str, Any] = {
    "name": "projects",
    "title": "Projects",
    "version": "0.1.0",
    "source": "builtin",
    "builtin": True,
    "state": "on",
    "reason": "",
    "notes": "",
    "dt_checked": None,
    "adds": [("pages", "Projects, Settings"), ("API", "projects"), ("search", "projects")],
}
_ADDED: dict[str, Any] = {
    **_PLUGIN,
    "name": "widgets",
    "title": "Widgets",
    "source": "package lab-widgets",
    "builtin": False,
    "dt_checked": NOW_MS - DAY,
}
PLUGINS: dict[str, Any] = {
    "title": "Plugins",
    "folder": "/var/lib/appliance/plugins",
    "plugins": [
        _PLUGIN,
        {**_ADDED, "notes": "the line Old is left out: no page widgets.old takes no ids"},
        {**_ADDED, "name": "off", "title": NASTY, "state": "off", "adds": []},
        {
            **_ADDED,
            "name": "broken",
            "title": "broken",
            "state": "failed",
            "version": "",
            "source": "/var/lib/appliance/plugins/broken.py",
            "reason": "ModuleNotFoundError: No module named 'torch'",
            "adds": [],
        },
    ],
}
_SETTING: dict[str, Any] = {
    "key": "cpu.overcommit",
    "type": "float",
    "value": "1.5",
    "default": "1.0",
    "help": "How many CPUs are promised for each there is.",
    "secret": False,
    "least": 0.1,
    "greatest": 64,
}
SETTINGS: dict[str, Any] = {
    "title": "Settings",
    "settings": [
        _SETTING,
        {**_SETTING, "key": "open", "type": "bool", "value": "true", "default": "false"},
        {
            **_SETTING,
            "key": "mail.password",
            "type": "str",
            "value": "***",
            "secret": True,
            "default": "",
        },
    ],
    "values": {"cpu.overcommit": "many", "open": "true", "mail.password": ""},
    "errors": {"cpu.overcommit": "cpu.overcommit must be float, not 'many'"},
}
REPORT = HealthReply(
    ok=False, version="0.1.0", python="3.11.2", sqlite="3.40.1", kernel="6.1.0", database_bytes=5 << 20,
    disk_free_bytes=80 << 30, disk_total_bytes=500 << 30, parked_events=1, failed_plugins=["broken"],
    loops=[
        LoopReply(name="prune", plugin="", dt_seen=NOW_MS - MINUTE, error="", late=False),
        LoopReply(name="sweep", plugin="widgets", dt_seen=NOW_MS, error="KeyError: 'a'", late=False),
        LoopReply(name="supervisor logs", plugin="", dt_seen=None, error="", late=True),
    ],
)  # fmt: skip
PARKED: dict[str, Any] = {
    "listener": "widgets", "event_id": 7, "name": "project.created", "subject": "pr7h2k9d3s5",
    "at_ms": NOW_MS - DAY, "error": "ValueError: what", "again": 0,
}  # fmt: skip
HEALTH: dict[str, Any] = {
    "title": "Health",
    "report": REPORT,
    "parked": [PARKED, {**PARKED, "again": 1}],
}
WELL: dict[str, Any] = {
    **HEALTH,
    "report": REPORT.model_copy(
        update={"ok": True, "loops": REPORT.loops[:1], "failed_plugins": []}
    ),
    "parked": [],
}
CHECKS = [
    Check("kernel", True, True, "6.1.0"),
    Check("disk", False, True, "1.0 GiB free", "Free some disk space."),
    Check("clock", False, False, "not synchronised", "Install an NTP client."),
]
HITS = [
    {"title": "Segmentation", "url": "/projects/pr1", "kind": "project", "detail": ""},
    {"title": NASTY, "url": "/notebooks/n1", "kind": "notebook", "detail": "running"},
]
FOUND: dict[str, Any] = {"title": "Search", "query": "seg", "hits": HITS, "failed": ["widgets"]}

ADMIN_PAGES: list[Sample] = [
    ("plugins", "admin/plugins.html", PLUGINS),
    ("settings", "admin/settings.html", SETTINGS),
    ("settings-none", "admin/settings.html", {**SETTINGS, "settings": [], "errors": {}}),
    ("health", "admin/health.html", HEALTH),
    ("health-well", "admin/health.html", WELL),
    ("health-host", "admin/_host.html", {"checks": CHECKS}),
    ("search", "search/results.html", FOUND),
    ("search-nothing", "search/results.html", {**FOUND, "hits": [], "failed": []}),
    ("search-box", "search/_box.html", FOUND),
    ("search-hits", "search/_hits.html", FOUND),
]
