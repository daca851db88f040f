"""The main job in a real browser: sign in, project, notebook, JupyterLab, `6*7`, stop, start, the file is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from tests.journeys.browser import Visitor, save
from tests.journeys.client import Person
from tests.journeys.instance import PASSWORD, Instance
from tests.journeys.puppet import end_all

pytestmark = [pytest.mark.containers, pytest.mark.browser]

READY_MS = 30_000


@pytest.fixture(autouse=True)
def room(admin: Person) -> Iterator[None]:
    """A test that fails must not take the machine from the next one."""
    yield
    end_all(admin)


@pytest.fixture()
def visitor(
    browser: Browser, appliance: Instance, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    visitor = Visitor(browser, appliance)
    yield visitor
    visitor.close(request.node.name)


def notebook_id(page: Page) -> str:
    found = re.search(r"/notebooks/(n[a-z0-9]+)", page.url)
    assert found, page.url
    return found[1]


def state(page: Page) -> str:
    return page.locator(".notebook .state").inner_text()


def expect_state(page: Page, word: str) -> None:
    """Shown without a reload: a mark that a reload would wipe out is still there."""
    expect(page.locator(".notebook .state")).to_have_text(word, timeout=READY_MS)
    assert page.evaluate("window.stayed") is True


def stop_by_page(page: Page) -> None:
    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_load_state()
    page.evaluate("window.stayed = true")


def run_cell(lab: Page, code: str) -> None:
    """In JupyterLab: a new notebook of Python, one cell, executed, saved."""
    lab.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
    expect(lab.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=READY_MS)
    output = lab.locator(".jp-OutputArea-output").first
    for _ in range(
        5
    ):  # JupyterLab may still throw away what is typed in a notebook's first moments
        cell = lab.locator(".jp-NotebookPanel .jp-CodeCell .cm-content").first
        cell.fill(code)
        cell.press("Shift+Enter")
        try:
            output.wait_for(timeout=5000)
        except TimeoutError:
            continue
        break
    expect(output).to_have_text("42")
    lab.keyboard.press("Control+s")
    # asked once: keep the name
    lab.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(lab.locator(".jp-NotebookPanel .jp-mod-dirty")).to_have_count(0)


def test_the_main_job(visitor: Visitor) -> None:
    page = visitor.go("/projects")
    visitor.picture("login")
    visitor.sign_in("admin", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("user name or password is wrong")
    expect(page.get_by_label("User", exact=True)).to_have_value("admin")
    visitor.picture("login-wrong")
    visitor.sign_in("admin", PASSWORD)
    expect(page).to_have_url(f"{visitor.url}/projects")

    visitor.picture("projects")
    page.get_by_role("link", name="New project").click()
    visitor.picture("project-new")
    page.get_by_label(re.compile("^Name")).fill("Protein folding")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Protein folding")).to_be_visible()
    visitor.picture("project-empty")

    page.get_by_role("link", name="New notebook").click()
    visitor.picture("notebook-new")
    page.get_by_role("button", name="Create and start").click()
    page.wait_for_url("**/notebooks/n*")
    page.evaluate("window.stayed = true")
    expect_state(page, "running")
    visitor.picture("notebook-running")

    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open JupyterLab").click()
    lab = opened.value
    notebook = notebook_id(page)
    lab.wait_for_url(f"http://{notebook}.localhost:*/n/{notebook}/lab**")
    assert lab.evaluate("window.opener") is None
    run_cell(lab, "6*7")
    expect(lab.locator(".jp-DirListing-itemText", has_text="Untitled.ipynb")).to_be_visible()
    save(lab, "jupyterlab")

    stop_by_page(page)
    expect_state(page, "stopped")
    visitor.picture("notebook-stopped")
    closed = lab.evaluate("fetch('api/contents').then((a) => a.status)")
    assert closed == 503, "the tab that is still open reaches nothing"
    lab.reload()
    expect(lab.get_by_role("heading")).to_have_text("My notebook is stopped")
    save(lab, "jupyterlab-stopped")
    lab.close()

    page.get_by_role("link", name="Files", exact=True).click()
    with page.expect_download() as loaded:
        page.get_by_role("link", name="Download Untitled.ipynb").click()
    assert '"text/plain"' in loaded.value.path().read_text()
    visitor.picture("notebook-files")

    page.get_by_role("link", name="Overview").click()
    page.get_by_role("button", name="Start").click()
    page.wait_for_load_state()
    page.evaluate("window.stayed = true")
    expect_state(page, "running")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open JupyterLab").click()
    expect(
        opened.value.locator(".jp-DirListing-itemText", has_text="Untitled.ipynb")
    ).to_be_visible()
    opened.value.close()
