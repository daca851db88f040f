"""Pictures of every page with made-up data, to look at: `python -m tests.web.gallery [FOLDER]`.

Writes FOLDER/<page>-<width>-<theme>.png (default tests/artifacts/gallery) and says what a browser
complains about.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from appliance.runtime.rendering import VIEW_POLICY
from tests.web import samples
from tests.web.pages import PAGES

CHROMIUM = "/usr/bin/chromium"
WIDTHS = {1280: 860, 390: 844}
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-nonce'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Handler(BaseHTTPRequestHandler):
    """The static files, and each sample page under its name, under a strict policy."""

    def do_GET(self) -> None:
        name = self.path.split("?")[0].strip("/")
        pages = {page[0]: page for page in PAGES}
        if name in pages:
            _, template, context = pages[name]
            self.answer(samples.render(template, context).encode(), "text/html; charset=utf-8")
        elif name.startswith("static/"):
            file = samples.ROOT / "appliance/web" / name
            self.answer(file.read_bytes(), guess_type(file.name)[0] or "")
        elif name == "rendered":
            self.answer(b"<p>A file.</p>", "text/html", VIEW_POLICY)
        else:
            self.answer(b'<p class="card-body mb-0">A fragment.</p>', "text/html")

    def answer(self, body: bytes, kind: str, policy: str = POLICY) -> None:
        """One whole response."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on a free port of this machine; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def take(browser: Browser, url: str, width: int, theme: Theme, folder: Path) -> list[str]:
    """Pictures of all pages; gives what the console said and which are wider than the screen."""
    complaints: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]}, color_scheme=theme
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("console", lambda m: complaints.append(f"{page.url} {width} {m.type}: {m.text}"))
    page.on("pageerror", lambda e: complaints.append(f"{page.url} {width}: {e}"))
    for name, template, _ in PAGES:
        if "/_" in template:
            continue
        page.goto(f"{url}/{name}", wait_until="load")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            complaints.append(f"{name} is wider than {width}")
        page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True)
    context.close()
    return [text for text in complaints if " verbose: " not in text]  # advice on forms


def main(folder: Path) -> int:
    """Takes all pictures; 1 if anything complained."""
    folder.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    with serving(Handler) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        for width in WIDTHS:
            for theme in THEMES:
                complaints += take(browser, url, width, theme, folder)
        browser.close()
    print("\n".join(complaints) or "nothing to complain about")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "tests/artifacts/gallery")))
