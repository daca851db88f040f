"""A hostile notebook in a real browser: what is made of it runs nothing, and nothing escapes its frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from appliance.runtime import _render_child
from appliance.runtime.rendering import VIEW_POLICY
from tests.runtime import hostile_notebook
from tests.web.gallery import CHROMIUM, Handler, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Chromium"),
]


class Site(BaseHTTPRequestHandler):
    """/frame: a page of ours with a view in a frame. /view: under our policy. /bare: without one."""

    pages: ClassVar[dict[str, tuple[str, str, str]]]
    asked: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body, kind, policy = self.pages.get(self.path, ("", "text/plain", ""))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    hacks: list[int] = []
    context.expose_function("hacked", lambda number: hacks.append(number))
    page = context.new_page()
    yield page
    context.close()
    assert hacks == []


SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
FRAME = f'<!doctype html><iframe src="/view" sandbox="{SANDBOX}" width=900 height=2000></iframe>'
TRAP = "<script>hacked(99); document.title = 'hacked'</script><p>seen</p>"


@pytest.fixture
def site() -> Iterator[str]:
    made = _render_child.render_notebook(json.dumps(hostile_notebook.NOTEBOOK))
    html = "text/html; charset=utf-8"
    Site.asked = []
    Site.pages = {
        "/frame": (FRAME, html, "default-src 'none'; frame-src 'self'"),
        "/view": (made, html, VIEW_POLICY),
        "/bare": (made, html, ""),
        "/svg": (hostile_notebook.SVG, "image/svg+xml", VIEW_POLICY),
        "/trap": (TRAP, html, VIEW_POLICY),
    }
    with serving(Site) as url:
        yield url


def test_it_is_seen_in_a_frame_and_runs_nothing(page: Page, site: str) -> None:
    page.goto(f"{site}/frame", wait_until="networkidle")
    frame = page.frame_locator("iframe")
    expect(frame.locator("h1")).to_contain_text("Title")
    expect(frame.locator("td").first).to_have_text("cell")
    widths = frame.locator("img[src^='data:image/png']").first.evaluate(
        "image => image.naturalWidth"
    )
    assert widths == 1
    for link in frame.locator("a").all():
        assert (link.get_attribute("href") or "#").startswith(("#", "http"))


@pytest.mark.parametrize("path", ["/bare", "/view", "/svg"])
def test_it_runs_nothing_by_itself(page: Page, site: str, path: str) -> None:
    page.goto(f"{site}{path}", wait_until="networkidle")
    assert [item for item in Site.asked if item not in (path, "/favicon.ico")] == []


def test_the_policy_alone_holds_as_well(page: Page, site: str) -> None:
    page.goto(f"{site}/trap")
    expect(page.locator("p")).to_have_text("seen")
    assert page.title() != "hacked"
    assert page.evaluate("self.origin") == "null"


class Uploads(Handler):
    """A page of files, and what its script sends."""

    got: ClassVar[dict[str, bytes]]
    broken: ClassVar[list[int]]
    taken: ClassVar[list[str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = {key: value[0] for key, value in parse_qs(urlsplit(self.path).query).items()}
        assert self.headers["X-CSRF-Token"] and asked["path"] == "data"
        if "/take" in self.path:
            self.taken.append(parse_qs(body.decode())["name"][0])
            return self.answer(b'{"done": true}', "application/json")
        sent = self.got.get(asked["upload"], b"")
        if self.broken:
            return self.send_error(self.broken.pop())
        self.got[asked["upload"]] = sent[: int(asked["offset"])] + body
        size = len(self.got[asked["upload"]])
        return self.answer(f'{{"size": {size}}}'.encode(), "application/json")


def test_large_files_go_in_pieces_that_are_sent_again(page: Page, tmp_path: Path) -> None:
    Uploads.got, Uploads.taken, Uploads.broken = {}, [], [502]
    large = b"0123456789abcdef" * (1 << 20)  # two pieces and no more
    with serving(Uploads) as url:
        page.goto(f"{url}/files")
        for name, content in (("größe.bin", large + b"end"), ("empty", b"")):
            (tmp_path / name).write_bytes(content)
        page.set_input_files("#file", [tmp_path / "größe.bin", tmp_path / "empty"])
        with page.expect_navigation():  # all went well: the list is loaded again
            page.get_by_role("button", name="Upload", exact=True).click()
    assert Uploads.taken == ["größe.bin", "empty"]
    assert sorted(Uploads.got.values()) == sorted([large + b"end", b""])
