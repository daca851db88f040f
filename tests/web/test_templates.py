"""Every template renders and holds to what its security policy and accessibility ask for."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from appliance.runtime.states import ENDED, LIVE
from tests.web import samples
from tests.web.pages import PAGES

VOID = {"meta", "link", "input", "img", "br", "hr"}
# Parts of other templates: rendered with them.
PARTS = {
    "_macros.html",
    "_head.html",
    "_flashes.html",
    "_sidebar.html",
    "_topbar.html",
    "base.html",
    "plain.html",
}
EACH_PAGE = pytest.mark.parametrize(
    ("template", "context"), [page[1:] for page in PAGES], ids=[p[0] for p in PAGES]
)


class Checker(HTMLParser):
    """Collects what is wrong with a document."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.open: list[str] = []
        self.inputs: list[dict[str, str | None]] = []
        self.labels: set[str | None] = set()
        self.ids: list[str] = []
        self.refers: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (value or "").startswith("javascript:"):
                self.problems.append(f"inline {name} in <{tag}>")
        if tag in ("input", "select", "textarea") and values.get("type") != "hidden":
            self.inputs.append(values)
        if tag == "label":
            self.labels.add(values.get("for"))
        if tag == "form" and values.get("method") == "post":
            self.problems += [] if values.get("action") else ["form without action"]
        if tag == "script" and not values.get("src"):
            self.problems.append("inline script")
        if tag == "style" and not values.get("nonce"):
            self.problems.append("inline style sheet")
        if values.get("id"):
            self.ids.append(str(values["id"]))
        for name in ("for", "popovertarget", "aria-labelledby", "aria-describedby"):
            self.refers.update((values.get(name) or "").split())

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes something else at {self.getpos()}")

    def finish(self) -> list[str]:
        """All problems of the document."""
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self.open]
        self.problems += [
            f"{i.get('name')} has no label" for i in self.inputs if i.get("id") not in self.labels
        ]
        self.problems += [f"id {i} twice" for i in set(self.ids) if self.ids.count(i) > 1]
        self.problems += [f"nothing has the id {i}" for i in self.refers - set(self.ids)]
        return self.problems


@EACH_PAGE
def test_page_is_sound(template: str, context: dict[str, Any]) -> None:
    html = samples.render(template, context)
    checker = Checker()
    checker.feed(html)
    assert checker.finish() == []
    assert samples.NASTY not in html
    own = re.sub("<iframe[^>]*>", "", html)  # a frame shows what is a user's
    for source in re.findall(r"(?:src|<link[^>]* href|<use href)=\"([^\"]*)\"", own):
        assert source.startswith("/static/")
        assert (samples.ROOT / "appliance/web" / source.split("?")[0].lstrip("/")).is_file()


@EACH_PAGE
def test_forms_carry_the_token(template: str, context: dict[str, Any]) -> None:
    html = samples.render(template, context)
    for form in re.findall(r'<form[^>]*method="post".*?</form>', html, re.DOTALL):
        assert 'name="csrf_token" value="token"' in form


def test_every_template_has_a_sample() -> None:
    assert {page[1] for page in PAGES} | PARTS == set(samples.template_names())


def test_every_icon_is_in_the_sprite() -> None:
    sprite = (samples.ROOT / "appliance/web/static/vendor/icons.svg").read_text()
    there = set(re.findall(r'<symbol id="tabler-([^"]+)"', sprite))
    for _, template, context in PAGES:
        used = set(
            re.findall(r"icons\.svg\?v=0#tabler-([a-z0-9-]+)", samples.render(template, context))
        )
        assert used <= there


@pytest.mark.parametrize("state", sorted(LIVE | ENDED))
def test_a_notebook_can_be_acted_on_in_every_state(state: str) -> None:
    card = samples.render(
        "notebooks/_card.html", {**samples.DETAIL, "notebook": samples.notebook(state)}
    )
    assert ("/stop" in card) == (state in LIVE - {"stopping"})
    assert ("/start" in card) == ("/delete" in card) == (state in ENDED)
    assert f'<span class="state-dot"></span>{state}</span>' in card


def test_who_may_not_edit_sees_no_actions() -> None:
    for state in ("running", "stopped"):
        fixed = samples.notebook(state, can_edit=False)
        card = samples.render("notebooks/_card.html", {**samples.DETAIL, "notebook": fixed})
        assert "<form" not in card


def test_destructive_buttons_say_what_is_lost() -> None:
    card = samples.render(
        "notebooks/_card.html", {**samples.DETAIL, "notebook": samples.notebook("stopped")}
    )
    dialog = re.search(r"<dialog.*?</dialog>", card, re.DOTALL)
    assert dialog and "All its files in /notebooks" in dialog[0] and "/delete" in dialog[0]


def test_command_line_is_quoted() -> None:
    html = samples.render(
        "notebooks/new.html",
        {**samples.NEW_NOTEBOOK, "values": {**samples.NEW_NOTEBOOK["values"], "name": "a; rm -rf"}},
    )
    assert "--name &#39;a; rm -rf&#39; --image notebook" in html


def test_starting_page_needs_nothing_else() -> None:
    html = samples.render("starting.html", samples.STARTING)
    assert 'http-equiv="refresh" content="1"' in html
    assert "/static/" not in html and "<script" not in html and 'nonce="nonce"' in html
    stopped = samples.render("starting.html", {**samples.STARTING, "on_its_way": False})
    assert "refresh" not in stopped
