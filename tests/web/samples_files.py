"""Made-up files of a notebook and runs of one."""

from __future__ import annotations

from tests.web.samples import DAY, DETAIL, HOUR, MINUTE, NASTY, NOW_MS, _tabs

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
            "view_url": "",
            "change_url": "/change?path=x",
            "archive_url": "/d?path=data&folder=1",
            "download_url": "",
        },
        {
            "name": NASTY + ".ipynb",
            "url": "",
            "is_dir": False,
            "size_bytes": 48_213,
            "modified_ms": NOW_MS - MINUTE,
            "view_url": "/view/x.ipynb",
            "change_url": "/change?path=x",
            "archive_url": "",
            "download_url": "/d?path=x",
        },
        {
            "name": "weights.safetensors",
            "url": "",
            "is_dir": False,
            "size_bytes": 3_441_213_440,
            "modified_ms": NOW_MS - 5 * HOUR,
            "view_url": "",
            "change_url": "/change?path=x",
            "archive_url": "",
            "download_url": "/d?path=y",
        },
    ],
    "truncated": True,
    "error": "",
    "query": "?path=data",
    "archive_url": "/d?path=&folder=1",
    "values": {},
    "errors": {},
}

SHARED = {
    "title": NASTY,
    "token": "AbCd",
    "path": "data",
    "ready": True,
    "entries": [
        {"name": "raw", "type": "dir", "url": "/share/AbCd?path=raw"},
        {"name": NASTY + ".ipynb", "type": "file", "url": "/share/AbCd/view/x.ipynb"},
        {"name": "weights.safetensors", "type": "file", "url": ""},
    ],
    "fork_url": "/notebooks/nk3v9x2m1q8z7w4/fork",
}
SHARED_VIEW = {
    "title": NASTY + ".ipynb",
    "kind": "notebook",
    "error": "",
    "source_url": "/share/AbCd/rendered/x.html",
    "folder_url": "/share/AbCd?path=",
}

CHANGE = {
    **DETAIL,
    "tabs": _tabs("Files", "Overview"),
    "path": "data/" + NASTY,
    "value": NASTY,
    "errors": {"name": "there is something by this name already"},
    "query": "?path=x",
    "folder_url": "/files?path=data",
    "action": "/files",
}

VIEW = {
    **DETAIL,
    "tabs": _tabs("Files", "Overview"),
    "name": NASTY + ".ipynb",
    "kind": "notebook",
    "source_url": "/rendered",
    "runs_url": "/runs",
    "folder_url": "/files",
    "download_url": "/d?path=x",
    "error": "",
}

RUN = {
    "number": 2,
    "path": f"data/{NASTY}.ipynb",
    "result": f"data/{NASTY}.run-2.ipynb",
    "result_url": "/view/x.ipynb",
    "state": "running",
    "message": "",
    "live": True,
    "created_ms": NOW_MS - 5 * MINUTE,
    "started_ms": NOW_MS - 4 * MINUTE,
    "ended_ms": None,
}

RUNS = {
    "title": "Runs",
    "crumbs": [("diffusion ablation", "/notebooks/nk"), ("Runs", None)],
    "notebook_id": "nk3v9x2m1q8z7w4",
    "runs": [RUN, {**RUN, "number": 1, "state": "failed", "live": False, "ended_ms": NOW_MS}],
    "path": NASTY,
    "errors": {"path": "The path of an .ipynb file of this notebook."},
    "cli": "appliance notebooks run nk3v9x2m1q8z7w4",
}
