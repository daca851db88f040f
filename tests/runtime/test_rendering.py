"""Users' files made fit to be seen, by the real process (needs root, no containers)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from appliance import config as configs
from appliance.config import Config
from appliance.errors import Invalid, NotFound
from appliance.runtime import layout, rendering
from appliance.runtime.files import TeamFiles
from tests.runtime import hostile_notebook

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes to other uids")
OWNER = "n12345"


@dataclass
class Desk:
    """An appliance's directories with one notebook's files."""

    config: Config
    files: TeamFiles

    def put(self, name: str, content: str | bytes) -> None:
        path = self.files.root / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.chown(path, self.files.uid_start, self.files.uid_start)

    def view(self, name: str) -> str:
        return self.kept(rendering.view(self.config, self.files, OWNER, name)).read_text()

    def kept(self, file: str) -> Path:
        return self.config.paths.rendered / OWNER / file


class Elements(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, (value or "").lower()) for name, value in attrs]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    for folder in (tmp_path, *tmp_path.parents[:2]):  # pytest closes its own directories to others
        folder.chmod(0o755)
    config = configs.fresh(tmp_path, [])
    layout.ensure_layout(config)
    root, uid = config.paths.notebooks / OWNER, config.team_uid(1)
    root.mkdir(mode=0o700)
    os.chown(root, uid, uid)
    yield Desk(config, TeamFiles(root, uid))


def test_a_notebook_shows_code_text_and_outputs(desk: Desk) -> None:
    desk.put("a.ipynb", json.dumps(hostile_notebook.NOTEBOOK))
    page = desk.view("a.ipynb")
    for text in (
        "<h1>Title",
        '<span class="nb">print</span>',
        "ansi-red-fg",
        "<td>cell</td>",
        "$x^2",
    ):
        assert text in page, text
    assert 'src="data:image/png;base64,' in page and 'src="data:image/svg+xml;base64,' in page


def test_nothing_in_it_acts(desk: Desk) -> None:
    desk.put("a.ipynb", json.dumps(hostile_notebook.NOTEBOOK))
    seen = Elements()
    seen.feed(desk.view("a.ipynb"))
    assert not set(seen.tags) & {
        "script",
        "svg",
        "iframe",
        "form",
        "object",
        "base",
        "math",
        "link",
        "button",
    }
    assert seen.tags.count("meta") == 2 and seen.tags.count("style") == 1  # ours
    for name, value in seen.attributes:
        assert not name.startswith("on") and name not in ("srcdoc", "http-equiv", "action")
        assert "javascript:" not in value and "position" not in value
        assert name not in ("src", "href") or value.startswith(("data:image/", "#", "http"))


def test_markdown_and_programs(desk: Desk) -> None:
    desk.put("a.md", "# Title\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) **bold**")
    page = desk.view("a.md")
    assert "<h1>Title" in page and "<strong>bold" in page
    assert "<script" not in page and "javascript:" not in page
    desk.put("a.py", "import os  # </pre><script>alert(1)</script>")
    page = desk.view("a.py")
    assert '<span class="kn">import</span>' in page and "<script" not in page


def test_pictures_come_as_they_are(desk: Desk) -> None:
    desk.put("a.PNG", b"\x89PNG")
    file = rendering.view(desk.config, desk.files, OWNER, "a.PNG")
    assert desk.kept(file).read_bytes() == b"\x89PNG"
    assert rendering.content_type(file) == "image/png"
    assert desk.kept(file).stat().st_gid == desk.config.proxy_uid


def test_it_is_made_once_for_a_content(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put("a.md", "one")
    desk.view("a.md")
    monkeypatch.setattr(rendering, "_CHILD", Path("/nonexistent"))
    assert "one" in desk.view("a.md")
    desk.put("a.md", "two")
    with pytest.raises(Invalid):
        desk.view("a.md")
    assert not [file for file in desk.kept("").iterdir() if "part" in file.name]


@pytest.mark.parametrize(
    "name, content",
    [
        ("no.ipynb", "no JSON"),
        ("list.ipynb", "[]"),
        ("deep.ipynb", "[" * 200_000),
        ("wrong.ipynb", '{"cells": 5, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}'),
        ("a.bin", "x"),
    ],
)
def test_what_cant_be_shown_says_so(desk: Desk, name: str, content: str) -> None:
    desk.put(name, content)
    with pytest.raises(Invalid, match="shown"):
        desk.view(name)


def test_a_link_out_is_not_followed(desk: Desk) -> None:
    (desk.files.root / "a.txt").symlink_to("/etc/passwd")
    with pytest.raises((Invalid, NotFound)):
        desk.view("a.txt")


def test_it_runs_as_nobody_without_a_network(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import json, os, pathlib\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        f"closed = [p for p in {[str(desk.files.root), str(desk.config.paths.secret_key)]!r} if os.access(p, os.R_OK)]\n"
        "links = [line.split(':')[0].strip() for line in open('/proc/net/dev').read().splitlines()[2:]]\n"
        "print(json.dumps({'ids': os.getresuid() + os.getresgid(), 'groups': os.getgroups(), 'env': dict(os.environ),"
        " 'closed': closed, 'nnp': 'NoNewPrivs:\\t1' in status, 'links': links}))\n"
    )
    monkeypatch.setattr(rendering, "_CHILD", spy)
    desk.put("a.txt", "x")
    seen: dict[str, Any] = json.loads(desk.view("a.txt"))
    assert set(seen["ids"]) == {desk.config.render_uid} and seen["groups"] == []
    assert seen["nnp"] and seen["closed"] == [] and seen["links"] == ["lo"]
    assert not [name for name in seen["env"] if "KEY" in name or "APPLIANCE" in name]


def test_what_is_too_slow_or_too_hungry_ends(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hog = tmp_path / "hog.py"
    monkeypatch.setattr(rendering, "_CHILD", hog)
    desk.put("a.txt", "x")
    hog.write_text("x = bytearray(8 << 30)")
    with pytest.raises(Invalid, match="MemoryError"):
        desk.view("a.txt")
    monkeypatch.setattr(rendering, "TIMEOUT_S", 1.0)
    hog.write_text("import time; time.sleep(600)")
    with pytest.raises(Invalid, match="too long"):
        desk.view("a.txt")


def test_few_are_kept_and_deletion_forgets(desk: Desk) -> None:
    for number in range(rendering.KEEP_PER_OWNER + 3):
        desk.put("a.png", str(number))
        rendering.view(desk.config, desk.files, OWNER, "a.png")
    assert len(list(desk.kept("").iterdir())) == rendering.KEEP_PER_OWNER
    rendering.forget(desk.config, OWNER)
    assert not desk.kept("").exists()
