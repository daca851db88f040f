"""A plugin in a package of its own can do everything a builtin does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance import boot
from appliance.cli import program
from appliance.client import Client
from appliance.commands import plugin_commands
from appliance.errors import Unauthenticated
from appliance.plugins.hookspecs import Hooks
from appliance.runtime import workloads
from appliance.runtime.worker import deliver_events
from appliance.web import openapi, pages
from tests.client.served import served
from tests.lab import Lab, Person


@pytest.fixture
def ann(widgets: Lab) -> Person:
    return widgets.person("ann")


@pytest.fixture
def root(widgets: Lab) -> Person:
    return widgets.person("root", admin=True)


def test_it_implements_every_hook(widgets: Lab) -> None:
    module = widgets.appliance.registry.manager.get_plugin("widgets")
    hooks = {name for name in vars(Hooks) if not name.startswith("_")}
    assert {name for name in hooks if hasattr(module, name)} == hooks


def test_its_resource_by_url(ann: Person) -> None:
    project = ann.project()
    made = ann.post("widgets", project_id=project, name="Gear")
    assert [one["name"] for one in ann.api("GET", f"widgets?projectId={project}")["items"]] == [
        "Gear"
    ]
    assert ann.get(made).name == "Gear"
    ann.api("DELETE", made.path, 403)  # needs a team's admin
    assert (
        "unknown field"
        in ann.api("POST", "widgets", 400, project_id=project, name="x", colour="red")["message"]
    )


def test_others_do_not_find_it(widgets: Lab, ann: Person) -> None:
    made = ann.post("widgets", project_id=ann.project(), name="Gear")
    eve = widgets.person("eve", team="other")
    eve.api("GET", made.path, 404)
    assert "Gear" not in eve.page("/search?q=gear").replace('value="gear"', "")


def test_its_command_and_method(
    widgets: Lab, ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    key = ann.api("POST", "api-keys", name="program")["key"]
    with served(widgets) as url, Client(url, key) as client:
        made = client.group("widgets").create(project_id=ann.project(), name="Gear")
        assert client.call("widgets details", made.id).name == "Gear"
        monkeypatch.setenv("APPLIANCE_URL", url)
        monkeypatch.setenv("APPLIANCE_API_KEY", key)
        shown = CliRunner().invoke(program, ["widgets", "details", made.id])
        assert shown.exit_code == 0 and "Gear" in shown.output, shown.output


def test_its_words_are_in_the_document(widgets: Lab, ann: Person) -> None:
    """From which the command line and the Python client are made, and the reference."""
    document = ann.api("GET", "openapi.json")
    operation = document["paths"]["/widgets/{widgetId}"]["get"]
    assert operation[openapi.EXTENSION]["words"] == "widgets details"
    assert "WidgetReply" in document["components"]["schemas"]
    assert "/v1/widgets/{widgetId}" in ann.page("/docs/api")


def test_its_pages_tab_and_panel(ann: Person) -> None:
    project = ann.project()
    assert "There are 0 widgets" in ann.page("/widgets")
    ann.form(f"/projects/{project}/widgets", name="Cog")
    tab = ann.page(f"/projects/{project}/widgets")
    assert "Cog" in tab and 'aria-current="page">Widgets</a>' in tab
    home = ann.page("/")
    assert 'hx-get="/widgets/panel"' in home and 'href="/widgets"' in home
    assert "1 widgets" in ann.page("/widgets/panel")


def test_a_page_that_is_gone_is_left_out_and_the_admin_told(ann: Person, root: Person) -> None:
    assert "Old widgets" not in ann.page("/")
    assert "the line Old widgets is left out" in root.page("/admin/plugins")


def test_a_page_with_a_bug_breaks_itself_only(widgets: Lab, ann: Person) -> None:
    widgets.app.testing = False
    widgets.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert "something went wrong" in ann.page("/widgets/broken", 500)
    ann.page("/widgets")


def test_it_is_found(ann: Person) -> None:
    ann.post("widgets", project_id=ann.project("Gearbox"), name="Gear")
    assert [hit["kind"] for hit in ann.api("GET", "search?q=gear")] == ["project", "widget"]


def test_its_setting_counts_and_is_changed_by_form(ann: Person, root: Person) -> None:
    project = ann.project()
    assert "widgets.most" in root.page("/admin/settings")
    wrong = root.form("/admin/settings", status=400, **{"widgets.most": "0"})
    assert "must be between 1 and 1000" in wrong.text and 'value="0"' in wrong.text
    root.form("/admin/settings", status=303, **{"widgets.most": "1"})
    ann.post("widgets", project_id=project, name="one")
    ann.api("POST", "widgets", 412, project_id=project, name="two")


def test_its_loop_is_shown(widgets: Lab, root: Person) -> None:
    loop = widgets.appliance.registry.loops["count widgets"]
    loop.run(widgets.system)
    page = root.page("/admin/health")
    assert "count widgets" in page and "no sign of life" in page  # nothing turns in a test


def test_it_hears_events_and_what_it_can_not_take_is_parked(widgets: Lab, root: Person) -> None:
    boss = widgets.person("boss", role="owner")
    project = boss.project()
    boss.post("widgets", project_id=project, name="Gear")
    widgets.settle()
    boss.api("PUT", f"projects/{project}", name="renamed")
    for _ in range(5):
        deliver_events(widgets.system)
        widgets.clock.advance(200)
    page = root.page("/admin/health")
    assert "widgets hate new names" in page
    (parked,) = root.lab.db.query("SELECT event_id FROM event_parked WHERE listener = 'widgets'")
    url = f"/admin/events/widgets/{parked['event_id']}"
    root.form(url)
    deliver_events(widgets.system)
    assert "widgets hate new names" in root.page("/admin/health")  # it still can't
    root.form(url, do="drop")
    assert "widgets hate new names" not in root.page("/admin/health")
    root.form(url, 404, do="drop")
    boss.api("DELETE", f"projects/{project}")
    deliver_events(widgets.system)
    assert boss.page("/widgets").count("There are 0 widgets")


def test_it_extends_workloads(widgets: Lab, ann: Person) -> None:
    ann.notebook()
    widgets.settle()
    (workload,) = workloads.live(widgets.db)
    assert workload.final.env["WIDGETS"] == "0"


def test_its_sizes_images_and_sign_in(widgets: Lab, ann: Person) -> None:
    assert "W1" in ann.page("/cluster") and "What widgets run in." in ann.page("/images")
    assert "Sign in with your badge" in widgets.app.test_client().get("/login").text
    with pytest.raises(Unauthenticated, match="no badge"):
        widgets.appliance.registry.auth_providers["badge"].finish(widgets.system, {}, "")


def test_the_admin_sees_what_it_adds(root: Person) -> None:
    (found,) = [one for one in root.api("GET", "plugins") if one["name"] == "widgets"]
    assert (found["state"], found["version"], found["source"]) == (
        "on",
        "1.2",
        "package lab-widgets",
    )
    assert found["adds"]["register_loops"] == ["count widgets"]
    assert "on_event" in found["adds"]


def test_the_processes_of_root_do_not_load_it(widgets: Lab) -> None:
    """Supervisor and admin commands use `boot.boot`."""
    assert "widgets" not in [info.name for info in boot.boot(widgets.config.data).registry.plugins]


def test_its_command_runs_with_webs_rights(widgets: Lab) -> None:
    argv = ["count-widgets", "--data", str(widgets.config.data)]
    child = os.fork()
    if child == 0:  # the rights are given up for good
        command = plugin_commands(argv)["count-widgets"]
        result = CliRunner().invoke(command, argv[1:])
        right = os.getuid() == widgets.config.web_uid and "0 widgets" in result.output
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_every_builtin_page_is_reachable(lab: Lab) -> None:
    assert pages.unreachable(lab.app, lab.appliance.registry) == []
