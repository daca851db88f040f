"""Values for the templates of images."""

from __future__ import annotations

from typing import Any

from appliance.runtime.backend import LocalImage
from appliance.runtime.builds import Build
from appliance.runtime.local_images import Row
from plugins_builtin.images.service import OnDisk
from tests.web.samples import DETAIL, NASTY, NOW_MS

IMAGE: dict[str, Any] = {
    "id": "data-science",
    "name": "data-science",
    "title": "Data science",
    "description": "The notebook image with what most analyses need.",
    "contents": ("NumPy", "pandas", "scikit-learn"),
    "aliases": ("jupyter/scipy-notebook",),
    "state": "building",
    "step": "image data-science: step 4 of 7",
    "message": "",
    "changes": "",
    "build_id": "b1",
    "size_bytes": None,
    "built_ms": None,
    "own": False,
    "live": True,
    "can_build": False,
    "can_rebuild": False,
}
READY: dict[str, Any] = {
    **IMAGE, "id": "notebook", "name": "notebook", "title": "Notebook", "state": "ready", "step": "", "live": False,
    "size_bytes": 466_000_000, "built_ms": NOW_MS - 3_600_000, "can_rebuild": True,
    "changes": f"+ pip {NASTY} 6.1",
}  # fmt: skip
FAILED_IMAGE: dict[str, Any] = {
    **IMAGE, "id": "im4", "name": "geo", "title": NASTY, "description": NASTY, "state": "failed", "step": "",
    "message": f"podman failed with exit code 2:\n{NASTY}", "live": False, "own": True, "can_build": True, "contents": (),
    "aliases": (),
}  # fmt: skip
IMAGES = {"title": "Images", "images": [READY, IMAGE, FAILED_IMAGE], "is_admin": True}
BUILD = Build(
    1, "b1", "data-science", "recipe", "localhost/appliance/data-science:1", "", "te1", "us1", "building", "run",
    "image data-science: step 4 of 7", "", NOW_MS - 60_000, NOW_MS - 50_000, None,
)  # fmt: skip
IMAGE_DETAIL = {"title": "Data science", "image": IMAGE, "builds": [BUILD], "log": DETAIL["log"]}
NEW_IMAGE: dict[str, Any] = {
    "title": "New image",
    "values": {"name": "geo", "container": "", "containerfile": f"FROM debian\nRUN {NASTY}"},
    "errors": {},
    "cli": "appliance images create",
}
LOCAL_IMAGES = {
    "title": "Images on this machine",
    "images": [
        OnDisk(
            Row(
                LocalImage(
                    "0" * 64, ("localhost/appliance/notebook:1",), 466_000_000, NOW_MS, True
                ),
                "keep",
                "",
            ),
            True,
        ),
        OnDisk(Row(LocalImage("1" * 64, (), 251_000_000, NOW_MS, False), "remove", ""), False),
        OnDisk(Row(LocalImage("2" * 64, (NASTY,), 1_000, NOW_MS, False), "keep", NASTY), False),
    ],
}
SAVE_IMAGE: dict[str, Any] = {
    "title": "Save environment as image",
    "notebook": {"id": "n1", "name": NASTY},
    "name": "with-gdal",
    "errors": {},
    "cli": "appliance notebooks save-image --id n1",
}
