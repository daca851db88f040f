"""The admin's pages: settings by form, and health that tells the truth."""

from __future__ import annotations

import pytest

from appliance import settings
from appliance.db import write
from appliance.plugins import verdicts
from appliance.plugins.verdicts import Verdict
from appliance.runtime import loops, worker
from appliance.runtime.limits import CPU_OVERCOMMIT
from tests.lab import Lab, Person

KEY = CPU_OVERCOMMIT.key


@pytest.fixture
def root(lab: Lab) -> Person:
    return lab.person("root", admin=True)


def everything_turns(lab: Lab) -> None:
    for loop in (*worker.CORE_LOOPS, *lab.appliance.registry.loops.values()):
        loops.note(lab.db, loop.name, "", None)


def test_a_setting_by_form_holds_at_once(lab: Lab, root: Person) -> None:
    root.form("/admin/settings", status=303, **{KEY: "2.5"})
    assert settings.get(lab.db, CPU_OVERCOMMIT) == 2.5
    assert 'value="2.5"' in root.page("/admin/settings")


def test_a_wrong_one_stands_beside_its_field_and_nothing_is_changed(lab: Lab, root: Person) -> None:
    answer = root.form("/admin/settings", status=400, **{KEY: "much"})
    assert 'value="much"' in answer.text and f'id="{KEY}-error"' in answer.text
    assert settings.get(lab.db, CPU_OVERCOMMIT) == CPU_OVERCOMMIT.default


def test_by_the_api(lab: Lab, root: Person) -> None:
    assert root.api("PUT", f"settings/{KEY}", value="3")["value"] == "3.0"
    assert "between" in root.api("PUT", f"settings/{KEY}", 400, value="900")["message"]
    root.api("PUT", "settings/no.such", 404, value="1")
    assert KEY in [one["key"] for one in root.api("GET", "settings")]


def test_health_is_ok_when_all_is_well(lab: Lab, root: Person) -> None:
    everything_turns(lab)
    assert root.api("GET", "status")["ok"] is True
    assert "All is well" in root.page("/admin/health")


def test_a_loop_that_stands_still_is_late(lab: Lab, root: Person) -> None:
    everything_turns(lab)
    lab.clock.advance(600)
    loops.note(lab.db, "prune", "", None)
    late = {loop["name"] for loop in root.api("GET", "status")["loops"] if loop["late"]}
    assert "connections" in late and "prune" not in late


def test_a_loop_that_fails_says_why(lab: Lab, root: Person) -> None:
    everything_turns(lab)
    loops.note(lab.db, "prune", "OSError: disk full", None)
    assert root.api("GET", "status")["ok"] is False
    assert "OSError: disk full" in root.page("/admin/health")


def test_a_plugin_that_failed_is_named(lab: Lab, root: Person) -> None:
    everything_turns(lab)
    with write(lab.db) as db:
        verdicts.note(
            db, Verdict("ghost", "package ghost", fingerprint="x", reason="it has no INFO")
        )
    assert root.api("GET", "status")["failedPlugins"] == ["ghost"]
    assert "it has no INFO" in root.page("/admin/plugins")


def test_checks_of_the_machine_need_no_root(root: Person) -> None:
    page = root.page("/admin/health/host")
    assert "disk" in page and "kernel" in page and "firewall" not in page


def test_a_parked_event_that_is_gone_is_not_found(root: Person) -> None:
    root.form("/admin/events/ghost/1", status=404)
    root.form("/admin/events/ghost/x", status=404, do="drop")
    root.form(f"/admin/events/ghost/{10**20}", status=404)
    root.form("/admin/plugins/ghost/sideways", status=400)
