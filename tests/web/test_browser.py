"""The pages' scripts in a real browser: live fragments, logs, keyboard, menus, forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import ClassVar

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web import samples
from tests.web.gallery import CHROMIUM, Handler, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Chromium"),
]
WORKLOAD = "wb"
NOTEBOOK = "nk3v9x2m1q8z7w4"


class Lab(Handler):
    """A notebook's page with a log that grows and a stream that says what it is told to say."""

    log: ClassVar[bytearray]
    stream: ClassVar[Queue[tuple[str, str]]]
    state: ClassVar[str]
    seen: ClassVar[list[str]]
    shown: ClassVar[int]

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/stream":
            self.send_stream()
        elif path == "/page":
            self.answer(
                samples.render("notebooks/detail.html", self.context()).encode(), "text/html"
            )
        elif path.endswith("/card"):
            self.answer(
                samples.render("notebooks/_card.html", self.context()).encode(), "text/html"
            )
        elif path.endswith("/raw"):
            self.send_range()
        elif path.startswith("/notebooks/"):
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.seen.append(f"{self.path} {body}")
        self.answer(b"done", "text/plain")

    def context(self) -> dict[str, object]:
        """A page that shows the last bytes of the log, from `shown` on."""
        text = bytes(self.log[self.shown :]).decode()
        return {
            **samples.DETAIL,
            "notebook": samples.notebook(self.state),
            "log": {
                "workload": WORKLOAD,
                "text": text,
                "start": self.shown,
                "end": len(self.log),
                "url": "/raw",
            },
            "stream_url": "/stream?last_event_id=7",
        }

    def send_stream(self) -> None:
        """Events until the one named `close`."""
        self.seen.append(f"{self.path} {self.headers.get('Last-Event-ID')}")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"retry: 50\n\n")
        while (event := self.stream.get())[0] != "close":
            self.wfile.write(f"id: 8\nevent: {event[0]}\ndata: {event[1]}\n\n".encode())
            self.wfile.flush()

    def send_range(self) -> None:
        """Bytes of the log, as nginx answers a range."""
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        size = len(self.log)
        start = int(first) if first else max(0, size - int(last))
        end = min(size, int(last) + 1) if first and last else size
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.wfile.write(bytes(self.log[start:end]))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """The notebook's page over a log of 4,000 lines of which the last ten are shown."""
    Lab.log = bytearray(b"".join(b"line %05d\n" % n for n in range(4000)))
    Lab.shown = len(Lab.log) - 110
    Lab.stream = Queue()
    Lab.state = "running"
    Lab.seen = []
    problems: list[str] = []
    with serving(Lab) as url:
        context = browser.new_context()
        opened = context.new_page()
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        opened.goto(f"{url}/page", wait_until="load")
        yield opened
        context.close()
        Lab.stream.put(("close", ""))
    assert problems == []


def say(text: str, at: int | None = None) -> None:
    """The program writes; the stream tells."""
    if at is None:
        at = len(Lab.log)
        Lab.log += text.encode()
    data = {"workload": WORKLOAD, "offset": at, "end": at + len(text.encode()), "text": text}
    Lab.stream.put(("log", json.dumps(data)))


def test_log_goes_on_without_gaps_or_repeats(page: Page) -> None:
    log = page.locator("[data-log] pre")
    say("eine schöne Zeile\n")
    say("schöne Zeile\n", at=len(Lab.log) - len("schöne Zeile\n".encode()))
    Lab.log += b"this one was never told\n"
    say("the last\n")
    expect(log).to_have_text(
        re.compile(r"line 03999\neine schöne Zeile\nthis one was never told\nthe last\n$")
    )


def test_progress_bars_and_colours_show_as_in_a_terminal(page: Page) -> None:
    say("\x1b[31mred\x1b[0m\n")
    say(" 10%|#")
    say("\r 90%|####")
    say("\r100%|#####\r\n")
    say("done\n")
    expect(page.locator("[data-log] pre")).to_have_text(re.compile(r"red\n100%\|#####\ndone\n$"))


def test_log_keeps_a_window_and_shows_what_was_earlier(page: Page) -> None:
    log, earlier = page.locator("[data-log] pre"), page.get_by_text("Show earlier")
    earlier.click()
    expect(log).to_have_text(re.compile(r"^line 00000\n.*line 01999\n$", re.DOTALL))
    expect(earlier).to_be_hidden()
    page.get_by_text("Jump to the end").click()
    expect(log).to_have_text(re.compile(r"line 03999\n$"))
    say("and on\n")
    expect(log).to_have_text(re.compile(r"and on\n$"))
    assert page.evaluate("document.querySelector('[data-log] pre').childNodes.length") <= 2000


def test_fragments_follow_the_stream_and_it_resumes(page: Page) -> None:
    expect(page.locator(".heading .state")).to_have_text("running")
    Lab.state = "stopped"
    Lab.stream.put(("changed", json.dumps({"subject": NOTEBOOK})))
    expect(page.locator(".heading .state")).to_have_text("stopped")
    Lab.stream.put(("close", ""))
    say("after the break\n")
    expect(page.locator("[data-log] pre")).to_have_text(re.compile(r"after the break\n$"))
    assert Lab.seen[:2] == ["/stream?last_event_id=7 None", "/stream?last_event_id=7 8"]


def test_an_open_question_is_not_swapped_away(page: Page) -> None:
    page.get_by_role("button", name="Stop").click()
    question = page.get_by_role("dialog", name="Stop diffusion ablation?")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    Lab.state = "failed"
    Lab.stream.put(("changed", json.dumps({"subject": NOTEBOOK})))
    expect(page.locator(".notebook[data-stale]")).to_be_attached()
    expect(question).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".heading .state")).to_have_text("failed")


def test_a_confirmed_action_is_posted_with_the_token(page: Page) -> None:
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    page.wait_for_url("**/stop")
    assert f"/notebooks/{NOTEBOOK}/stop csrf_token=token" in Lab.seen


def test_keyboard_and_theme(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("button", name="Light or dark").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/projects")


def test_command_line_follows_the_form(page: Page) -> None:
    page.goto(page.url.replace("/page", "/notebook-new"))
    page.get_by_label(re.compile("^Name")).fill("it's mine")
    page.get_by_label("Instance type").select_option("A100x1")
    expect(page.locator("[data-cli] pre")).to_have_text(
        "appliance notebooks create --project pr7h2k9d3s5 --name 'it'\"'\"'s mine'"
        " --image notebook --instance-type A100x1"
    )


def test_search_shows_what_it_finds_while_typing(page: Page) -> None:
    box = page.locator(".search-box")
    expect(box).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("seg")
    expect(box).to_have_text("A fragment.")
    page.locator("h1").first.click()
    expect(box).to_be_hidden()
    page.keyboard.press("/")
    expect(box).to_be_visible()
