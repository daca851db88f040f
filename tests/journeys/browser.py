"""A person with a real browser. What the browser complains about on our own pages fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    sync_playwright,
)

from tests.journeys.instance import ROOT, Instance

CHROMIUM = "/usr/bin/chromium"
PICTURES = ROOT / "tests" / "artifacts" / "journeys"
SIZES = {1280: 860, 390: 844}
TIMEOUT_MS = 60_000.0


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser process; each person gets a context of their own."""
    with sync_playwright() as playwright:
        # As root Chromium has no sandbox; /dev/shm of a container may be too small for it.
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


class Visitor:
    """Somebody's browser at the appliance. url: as they typed it. complaints: of pages of our origin."""

    def __init__(self, browser: Browser, appliance: Instance, script: bool = True) -> None:
        self.url = f"http://localhost:{appliance.port}"
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1280, "height": 860}, java_script_enabled=script
        )
        self.context.set_default_timeout(TIMEOUT_MS)
        self.context.on("console", self._on_console)
        self.context.on("weberror", lambda error: self._complain(error.page, str(error.error)))
        self.page = self.context.new_page()

    def _on_console(self, message: ConsoleMessage) -> None:
        # An answer of 4xx is no fault of the page: tests ask for some, and look at what is shown.
        asked_for = (
            "Failed to load resource",
            "Response Status Error Code 4",
        )  # the browser's words and htmx's
        if message.type in ("error", "warning") and not any(w in message.text for w in asked_for):
            self._complain(message.page, message.text)

    def _complain(self, page: Page | None, text: str) -> None:
        address = page.url if page else ""
        if urlsplit(address).netloc in (urlsplit(self.url).netloc, ""):
            self.complaints.append(f"{address}: {text}")

    def go(self, path: str) -> Page:
        """Open a path of the UI."""
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self, user: str, password: str) -> None:
        """By the form; ends on the page that asked for it."""
        if not self.page.url.startswith(f"{self.url}/login"):
            self.go("/login")
        self.page.get_by_label("User", exact=True).fill(user)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_load_state()

    def picture(self, name: str) -> None:
        """The page as it is now, wide and narrow, light and dark."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        for width, height in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            for theme in ("light", "dark"):
                self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                self.page.screenshot(
                    path=PICTURES / f"{name}-{width}-{theme}.png",
                    full_page=True,
                    animations="disabled",
                )
            self._fits(name, width)
        self.page.set_viewport_size({"width": 1280, "height": SIZES[1280]})
        self.page.emulate_media(color_scheme="light")

    def _fits(self, name: str, width: int) -> None:
        """Nobody has to scroll sideways."""
        if self.page.url.startswith(self.url):
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} px wide on a screen of {width} px"

    def close(self, name: str) -> None:
        """Keeps a last picture of every open page; fails when one of ours had something to complain about."""
        try:
            for number, page in enumerate(self.context.pages):
                save(page, f"last-{name}-{number}")
            self.context.close()
        except Error:
            pass  # the browser is gone, and the test has failed for that already
        assert not self.complaints, self.complaints


def save(picture_of: Page, name: str) -> Path:
    """One picture of any page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    picture_of.screenshot(path=path)
    return path
