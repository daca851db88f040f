"""A hostile notebook's page in the browser of a colleague, who is signed in and has a notebook of their own open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browser import Visitor
from tests.journeys.client import Person
from tests.journeys.instance import PASSWORD, Instance
from tests.journeys.puppet import Puppet, end, start_puppet

pytestmark = [pytest.mark.containers, pytest.mark.browser]

BLANK = "<!doctype html><title>harmless</title><p id=here>here</p>"


@dataclass
class Scene:
    """hostile: mallory's notebook. victim: a running JupyterLab of the colleague, who is visiting."""

    hostile: Puppet
    owner: Person
    victim: str
    kernel: str
    visitor: Visitor

    @property
    def ui(self) -> str:
        return self.visitor.url

    @property
    def victim_url(self) -> str:
        return f"{self.ui.replace('localhost', f'{self.victim}.localhost')}/n/{self.victim}/"

    def visit(self, html: str = BLANK, cookies: tuple[str, ...] = (), name: str = "trap") -> Page:
        """Open mallory's page in a new tab, as one opens a colleague's notebook."""
        url = self.hostile.serve(name, html, cookies)
        page = self.visitor.context.new_page()
        page.goto(
            f"{self.ui}/open/n/{self.hostile.notebook}?next=/n/{self.hostile.notebook}/page/{name}"
        )
        assert page.url == url
        return page

    def unharmed(self) -> None:
        """The session still works, the victim still runs, and is still open to its owner."""
        page = self.visitor.go(f"/notebooks/{self.victim}")
        expect(page.locator(".notebook .state")).to_have_text("running")
        tab = self.visitor.context.new_page()
        answer = tab.goto(self.victim_url + "api/kernels")
        assert answer is not None and answer.status == 200
        assert [kernel["id"] for kernel in answer.json()] == [self.kernel]
        tab.close()


@pytest.fixture(scope="module")
def scene(browser: Browser, appliance: Instance) -> Iterator[Scene]:
    mallory = Person(appliance.url, "mallory", appliance.add_user("mallory", "lab"))
    owner = Person(appliance.url, "admin", PASSWORD)
    hostile = start_puppet(mallory, mallory.project("hostile"), "hostile")
    victim = owner.notebook(owner.project("victim"))
    owner.wait(victim, "running")
    kernel = owner.enter(victim).post("api/kernels", {"name": "python3"})["id"]
    visitor = Visitor(browser, appliance)
    visitor.go("/login")
    visitor.sign_in("admin", PASSWORD)
    visitor.go(
        f"/open/n/{victim}?next=/n/{victim}/api"
    )  # a gate cookie for the victim is in the browser
    yield Scene(hostile, owner, victim, kernel, visitor)
    visitor.close("attacks")
    for person, notebook in ((mallory, hostile.notebook), (owner, victim)):
        end(person, notebook)
        person.close()


@pytest.fixture(autouse=True)
def nothing_happened(scene: Scene) -> Iterator[None]:
    """After every attack."""
    yield
    for page in scene.visitor.context.pages:
        if page is not scene.visitor.page:
            page.close()
    scene.unharmed()


FETCH = """
async ([url, options]) => {
  try {
    const answer = await fetch(url, { credentials: "include", ...options });
    return { type: answer.type, status: answer.status, text: await answer.text() };
  } catch (error) { return { type: "failed", status: 0, text: "" }; }
}
"""


def fetched(page: Page, url: str, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(FETCH, [url, options])
    return answer


def test_fetch_reads_nothing_and_changes_nothing(scene: Scene) -> None:
    page = scene.visit()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    before = scene.owner.api("GET", "/projects")["items"]
    for url in (f"{scene.ui}/", f"{scene.ui}/v1/projects", f"{scene.ui}/stream", f"{scene.ui}/open/n/{scene.victim}",
                scene.victim_url + "api/contents", scene.victim_url + "lab"):  # fmt: skip
        for options in ({}, {"mode": "no-cors"}, {"headers": {"X-CSRF-Token": "x"}}):
            answer = fetched(page, url, **options)
            assert answer["type"] in ("failed", "opaque") and answer["text"] == "", (url, answer)
    for url in (f"{scene.ui}/projects/new", f"{scene.ui}/v1/projects", f"{scene.ui}/logout",
                f"{scene.ui}/notebooks/{scene.victim}/stop", f"{scene.ui}/v1/notebooks/{scene.victim}/stop",
                f"{scene.victim_url}api/kernels"):  # fmt: skip
        for headers in (form, {"Content-Type": "text/plain"}):
            answer = fetched(
                page,
                url,
                method="POST",
                mode="no-cors",
                headers=headers,
                body='name=x&a={"name":"x"}',
            )
            assert answer["text"] == ""
        fetched(
            page,
            url,
            method="POST",
            headers={"Content-Type": "application/json"},
            body='{"name":"x"}',
        )
        fetched(page, url, method="DELETE")
    assert scene.owner.api("GET", "/projects")["items"] == before


@pytest.mark.parametrize(
    "path",
    ["/notebooks/VICTIM/stop", "/logout", "/projects/new", "/login/password", "/teams/switch"],
)
def test_a_form_that_sends_itself_is_refused(path: str, scene: Scene) -> None:
    target = scene.ui + path.replace("VICTIM", scene.victim)
    page = scene.visit(
        f"<!doctype html><title>form</title><form method=post action='{target}'><input name=name value=x>"
        "<input name=csrf_token value=x></form>"
    )
    with page.expect_navigation() as moved:
        page.evaluate("document.forms[0].submit()")
    assert moved.value.status == 403
    expect(page.locator("body")).to_contain_text("comes from another site", ignore_case=True)


def test_a_form_into_another_notebook_is_refused(scene: Scene) -> None:
    page = scene.visit(
        f"<!doctype html><title>form</title><form method=post enctype=text/plain action='{scene.victim_url}api/kernels'>"
        '<input name=\'{"name":"python3","a":"\' value=\'"}\'></form>'
    )
    with page.expect_navigation() as moved:
        page.evaluate("document.forms[0].submit()")
    assert moved.value.status == 403


FRAME = """
(url) => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.onload = () => {
    let text = "";
    try { text = frame.contentDocument.body.innerText; } catch (error) { text = "out of reach"; }
    done(text);
  };
  frame.src = url;
  document.body.append(frame);
})
"""


def test_nothing_of_ours_can_be_framed(scene: Scene) -> None:
    page = scene.visit()
    for url in (f"{scene.ui}/", f"{scene.ui}/notebooks/{scene.victim}", f"{scene.ui}/login", scene.victim_url + "lab",
                f"{scene.ui}/open/n/{scene.victim}"):  # fmt: skip
        assert page.evaluate(FRAME, url) == "out of reach"
    shown = [frame.content() for frame in page.frames[1:]]
    assert not [text for text in shown if "appliance.css" in text or "jupyter-config-data" in text]


POPUP = """
async (url) => {
  const other = window.open(url);
  const seen = { closed: other.closed, read: "" };
  for (let turn = 0; turn < 30 && !seen.closed; turn++) {
    await new Promise((done) => setTimeout(done, 100));
    seen.closed = other.closed;
    try { if (other.location.href !== "about:blank") seen.read += other.location.href + other.document.body.innerText; }
    catch (error) { /* of another origin, as it must be */ }
  }
  return seen;
}
"""


def test_a_popup_is_out_of_reach(scene: Scene) -> None:
    page = scene.visit()
    ours = page.evaluate(POPUP, f"{scene.ui}/notebooks/{scene.victim}")
    assert ours == {"closed": True, "read": ""}, "our pages cut the tie to who opened them"
    theirs = page.evaluate(POPUP, scene.victim_url + "api/contents")
    assert theirs["read"] == ""
    for tab in scene.visitor.context.pages:
        if tab.url.startswith(scene.ui):
            assert tab.evaluate("window.opener") is None


def test_who_opens_a_notebook_is_out_of_its_reach(scene: Scene) -> None:
    scene.hostile.serve(
        "opened",
        "<!doctype html><title>x</title><script>window.found = String(window.opener)</script>",
    )
    page = scene.visitor.go(f"/notebooks/{scene.hostile.notebook}")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open JupyterLab").click()
    opened.value.wait_for_load_state()
    assert opened.value.evaluate("window.opener") is None
    assert opened.value.evaluate("document.referrer") == ""


CONNECT = """
(url) => new Promise((done) => {
  const wire = new WebSocket(url);
  wire.onopen = () => done("open");
  wire.onerror = () => done("refused");
})
"""


def test_no_websocket_to_another_notebook(scene: Scene) -> None:
    page = scene.visit()
    path = f"api/kernels/{scene.kernel}/channels"
    assert page.evaluate(CONNECT, scene.victim_url.replace("http", "ws") + path) == "refused"
    same = page.url.replace("http", "ws").partition("/n/")[0] + f"/n/{scene.victim}/{path}"
    assert page.evaluate(CONNECT, same) == "refused"
    # The probe can see an open one: the victim's own page connects.
    own = scene.visitor.context.new_page()
    own.goto(scene.victim_url + "lab")
    assert own.evaluate(CONNECT, scene.victim_url.replace("http", "ws") + path) == "open"


def test_an_event_stream_stays_closed(scene: Scene) -> None:
    page = scene.visit()
    seen = page.evaluate(
        "(url) => new Promise((done) => { const s = new EventSource(url, { withCredentials: true });"
        " s.onopen = () => done('open'); s.onerror = () => done('refused'); })",
        f"{scene.ui}/stream",
    )
    assert seen == "refused"


NAMES = ("appliance_session", "gate", "appliance_flashes", "__Host-appliance_session", "_xsrf")


def test_cookies_can_be_neither_read_nor_planted(scene: Scene) -> None:
    port = scene.ui.rpartition(":")[2]
    planted = tuple(
        f"{name}=planted; Path={path}{domain}"
        for name in NAMES
        for path in ("/", f"/n/{scene.victim}/")
        for domain in (
            "",
            "; Domain=localhost",
            f"; Domain={scene.victim}.localhost",
            f"; Domain=localhost:{port}",
        )
    )
    before = {(c["name"], c["domain"], c["path"], c["value"]) for c in scene.visitor.context.cookies(
        [scene.ui, scene.victim_url])}  # fmt: skip
    page = scene.visit(cookies=planted)
    assert "planted" in page.evaluate("document.cookie"), "its own origin is its own"
    readable = page.evaluate("document.cookie")
    values = {value for name, _, _, value in before if name in ("appliance_session", "gate")}
    assert values and not [value for value in values if value in readable]
    page.evaluate("(all) => all.forEach((text) => { document.cookie = text; })", list(planted))
    flood = [f"flood{number}={'x' * 4000}; Path=/; Domain=localhost" for number in range(40)]
    page.evaluate("(all) => all.forEach((text) => { document.cookie = text; })", flood)
    after = scene.visitor.context.cookies([scene.ui, scene.victim_url])
    assert not [
        cookie for cookie in after if "planted" in cookie["value"] or "flood" in cookie["name"]
    ]
    scene.visitor.context.clear_cookies(domain=f"{scene.hostile.notebook}.localhost")


def test_what_it_sees_of_our_credentials(scene: Scene) -> None:
    page = scene.visit()
    seen = page.evaluate("fetch('../echo', { method: 'POST' }).then((answer) => answer.json())")
    text = json.dumps(seen)
    secret = [
        c["value"]
        for c in scene.visitor.context.cookies()
        if c["name"] in ("appliance_session", "gate")
    ]
    assert secret and not [value for value in secret if value in text]
    assert "ticket" not in page.evaluate(
        "document.referrer + location.href + JSON.stringify(performance.getEntries())"
    )


def test_a_service_worker_rules_its_own_origin_only(scene: Scene) -> None:
    page = scene.visit()
    tried = page.evaluate(
        "navigator.serviceWorker.register('/sw.js', { scope: '/' }).then(() => 'registered', () => 'refused')"
    )
    assert tried == "refused"
