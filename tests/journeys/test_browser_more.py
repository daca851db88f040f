"""Pages that people meet on the way: without script, after a mistake, when something fails, when the machine is full."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.browser import Visitor
from tests.journeys.client import Person
from tests.journeys.instance import PASSWORD, Instance
from tests.journeys.puppet import end, end_all

pytestmark = [pytest.mark.containers, pytest.mark.browser]

MARKUP = "<b onclick=alert(1)>\"'&amp;{{7*7}}"
QUICK = "echo first line; echo the reason is here; exit 3"


@pytest.fixture(autouse=True)
def room(admin: Person) -> Iterator[None]:
    """A test that fails must not take the machine from the next one."""
    yield
    end_all(admin)


@pytest.fixture()
def visitor(
    browser: Browser, appliance: Instance, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    """Signed in as the admin."""
    visitor = Visitor(browser, appliance)
    visitor.sign_in("admin", PASSWORD)
    yield visitor
    visitor.close(request.node.name)


@pytest.fixture()
def plain(
    browser: Browser, appliance: Instance, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    """As visitor, with scripts switched off."""
    visitor = Visitor(browser, appliance, script=False)
    visitor.sign_in("admin", PASSWORD)
    yield visitor
    visitor.close(request.node.name)


def test_everything_but_live_state_works_without_script(plain: Visitor, admin: Person) -> None:
    page = plain.go("/projects/new")
    page.get_by_label(re.compile("^Name")).fill("No script")
    page.get_by_role("button", name="Create project").click()
    page.get_by_role("link", name="New notebook").click()
    page.get_by_text("More").click()
    page.get_by_role("textbox", name="Command").fill("sleep 1000")
    page.get_by_role("button", name="Create and start").click()
    notebook = page.url.rpartition("/")[2]
    admin.wait(notebook, "starting")
    page.reload()
    expect(page.locator(".notebook .state")).to_have_text("starting")
    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    admin.wait(notebook, "stopped")
    page.reload()
    expect(page.locator(".notebook .state")).to_have_text("stopped")
    page.get_by_role("button", name="Start").click()
    admin.wait(notebook, "starting")
    page.reload()
    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    admin.wait(notebook, "stopped")
    page.reload()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("is deleted")
    assert admin.request("GET", f"/v1/notebooks/{notebook}").status_code == 404
    page.get_by_role("navigation", name="Project").get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Delete project…").click()
    page.get_by_role("button", name="Delete project", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("The project No script is deleted")
    page.get_by_label("Your menu").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_wrong_input_is_answered_beside_the_field(visitor: Visitor, admin: Person) -> None:
    page = visitor.go("/projects/new")
    page.locator("form").evaluate_all(
        "forms => forms.forEach((form) => { form.noValidate = true; })"
    )
    page.get_by_role("button", name="Create project").click()
    expect(page.locator("#name-error")).to_have_text("This is needed.")
    visitor.picture("project-new-empty-name")

    page.get_by_label(re.compile("^Name")).fill("x" * 101)
    page.get_by_role("button", name="Create project").click()
    expect(page.locator("#name-error")).to_contain_text("100 characters")
    expect(page.get_by_label(re.compile("^Name"))).to_have_value("x" * 101)

    page.get_by_label(re.compile("^Name")).fill(MARKUP)
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name=MARKUP)).to_be_visible()
    visitor.picture("project-markup")
    page.get_by_role("navigation", name="Project").get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Delete project…").click()
    expect(page.get_by_role("heading", name=f"Delete the project {MARKUP}?")).to_be_visible()
    visitor.picture("project-delete")
    page.get_by_role("button", name="Cancel").click()

    page.get_by_role("link", name="Notebooks").click()
    page.get_by_role("link", name="New notebook").click()
    page.get_by_label(re.compile("^Name")).fill(" ")
    page.get_by_text("More").click()
    page.get_by_role("textbox", name="Command").fill("kept command")
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator("#name-error")).to_have_text("This is needed.")
    expect(page.get_by_role("textbox", name="Command")).to_have_value("kept command")
    visitor.picture("notebook-new-empty-name")


def test_addresses_that_lead_nowhere_say_so(visitor: Visitor) -> None:
    for number, path in enumerate(
        ("/nowhere", "/projects/pr000", "/notebooks/n000", "/open/n/n000")
    ):
        page = visitor.go(path)
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()
        expect(page.get_by_text("Next step")).to_be_visible()
        if number < 2:
            visitor.picture(f"not-found-{number}")


def test_the_other_pages(visitor: Visitor) -> None:
    for path in ("/", "/images", "/cluster", "/team"):
        page = visitor.go(path)
        page.wait_for_load_state("networkidle") if path != "/" else page.wait_for_timeout(500)
        visitor.picture(f"page-{path.strip('/') or 'home'}")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Open the menu").click()
    expect(page.get_by_role("link", name="Projects")).to_be_visible()
    page.get_by_role("button", name="Close the menu").click()
    page.set_viewport_size({"width": 1280, "height": 860})
    page.get_by_label("Your menu").click()
    page.get_by_role("button", name="Keyboard").click()
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()


def test_a_command_that_fails_says_why(visitor: Visitor, admin: Person) -> None:
    notebook = admin.notebook(admin.project("failing"), name=MARKUP, command=QUICK)
    page = visitor.go(f"/notebooks/{notebook}")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("code 3")
    expect(alert).to_contain_text("the reason is here")
    expect(page.locator(".notebook .state")).to_have_text("failed")
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    visitor.picture("notebook-failed")
    admin.api("DELETE", f"/notebooks/{notebook}")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_an_image_that_nobody_has_says_so(visitor: Visitor, admin: Person) -> None:
    project = admin.project("images")
    bad = admin.request(
        "POST",
        "/v1/notebooks",
        json={"projectId": project, "machineType": "C1", "container": "no spaces here"},
    )
    assert bad.status_code == 400 and "container" in bad.text
    unknown = admin.request(
        "POST", "/v1/notebooks", json={"projectId": project, "machineType": "C99"}
    )
    assert unknown.status_code == 400 and "choose one of C1" in unknown.text
    notebook = admin.notebook(
        project, name="unknown image", container="127.0.0.1:1/nobody/has:this"
    )
    admin.wait(notebook, "error")
    page = visitor.go(f"/notebooks/{notebook}")
    expect(page.get_by_role("alert")).to_contain_text("nobody/has:this")
    expect(page.get_by_role("alert")).to_contain_text("check the name")
    visitor.picture("notebook-no-image")
    admin.api("DELETE", f"/notebooks/{notebook}")


def test_what_does_not_fit_waits_in_sight(visitor: Visitor, admin: Person) -> None:
    project = admin.project("queue")
    page = visitor.go(f"/projects/{project}/notebooks/new")
    largest = page.get_by_label("Instance type").locator("option").last.get_attribute("value")
    serving = {"command": "exec sleep 1000", "machineType": largest}
    first = admin.notebook(project, name="first", **serving)
    admin.wait(first, "starting", "running")
    second, third = (admin.notebook(project, name=name, **serving) for name in ("second", "third"))
    page = visitor.go(f"/notebooks/{third}")
    waiting = page.get_by_role("status").filter(has_text="number 2 in the queue")
    expect(waiting).to_contain_text("needs")
    expect(waiting).to_contain_text("in use by first")
    visitor.picture("notebook-waiting")
    visitor.go("/cluster")
    visitor.picture("cluster-full")
    visitor.go(f"/projects/{project}/notebooks")
    visitor.picture("notebooks-list")
    page = visitor.go(f"/notebooks/{third}")
    page.evaluate("window.stayed = true")
    end(admin, second)
    expect(page.get_by_role("status").filter(has_text="number 1 in the queue")).to_be_visible()
    assert page.evaluate("window.stayed") is True
