"""Auto-shutdown as its users meet it: what stops, what goes on, what is said before, and what puts it off."""

from __future__ import annotations

from typing import Any

import pytest

from appliance import events, settings
from appliance.db import write
from plugins_builtin.notebooks import lifetime
from tests.lab import Lab, Person, Thing


def started(lab: Lab, ann: Person, **fields: Any) -> Thing:
    notebook = ann.notebook(**fields)
    lab.settle()
    lab.watch()
    return notebook


def test_it_stops_so_many_hours_after_its_start(lab: Lab, ann: Person) -> None:
    notebook = started(lab, ann, shutdown_timeout=2)
    assert ann.get(notebook).shutdown_timeout == 2
    lab.live(1.9, used_by="a busy kernel")
    assert ann.get(notebook).state == "Running"
    assert ann.get(notebook).stops_because == "its shutdown timeout is 2 h from its start"
    assert "It will stop by itself: its shutdown timeout" in ann.page(f"/notebooks/{notebook.id}")
    lab.live(0.2, used_by="a busy kernel")
    found = ann.session(notebook)
    assert (found.state, found.message) == (
        "stopped", "stopped by itself: its shutdown timeout is 2 h from its start",
    )  # fmt: skip


def test_it_stops_when_nothing_uses_it(lab: Lab, ann: Person) -> None:
    notebook = started(lab, ann, idle_timeout=2)
    lab.live(5, used_by="a busy kernel")
    assert ann.get(notebook).state == "Running"
    lab.live(1.9)
    assert ann.get(notebook).last_used_by == "a busy kernel"
    lab.live(0.2)
    message = ann.session(notebook).message
    assert message.startswith("stopped by itself: idle since ") and message.endswith(
        "UTC, last used by a busy kernel; its idle limit is 2 h"
    )


def test_an_open_page_is_no_use(lab: Lab, ann: Person) -> None:
    notebook = started(lab, ann, idle_timeout=1)
    for _ in range(9):
        lab.live(0.1)
        ann.page(f"/notebooks/{notebook.id}/card")
        ann.get(notebook)
    lab.live(0.2)
    assert ann.session(notebook).state == "stopped"


def test_the_setting_holds_where_a_notebook_says_nothing(lab: Lab, ann: Person) -> None:
    mine, never = started(lab, ann), started(lab, ann, idle_timeout=0)
    with write(lab.db):
        settings.put(lab.db, lifetime.IDLE_SHUTDOWN, "1")
    lab.live(1.3)
    assert ann.session(mine).state == "stopped" and ann.session(never).state == "running"


def test_nobody_is_stopped_without_a_warning(lab: Lab, ann: Person) -> None:
    notebook = started(lab, ann)
    lab.live(10)
    with write(lab.db):
        settings.put(lab.db, lifetime.IDLE_SHUTDOWN, "1")
    head = events.head(lab.db)
    lab.live(0.2)
    assert ann.session(notebook).state == "running"
    told = [event.name for event in events.after(lab.db, head)]
    assert told.count("notebook.stopping_soon") == 1
    lab.live(0.1)
    assert ann.session(notebook).state == "stopped"


def test_the_warning_is_withdrawn_when_it_is_used(lab: Lab, ann: Person) -> None:
    notebook = started(lab, ann, idle_timeout=1)
    lab.live(0.9)
    assert "alert-warning" in ann.page(f"/notebooks/{notebook.id}/card")
    lab.live(0.1, used_by="vim in a terminal")
    assert "alert-warning" not in ann.page(f"/notebooks/{notebook.id}/card")
    lab.live(0.8)
    assert ann.session(notebook).state == "running"


def test_an_hour_more(lab: Lab, ann: Person) -> None:
    notebook = started(lab, ann, shutdown_timeout=2)
    lab.live(1.9)
    ann.form(f"/notebooks/{notebook.id}/keep", hours="1")
    lab.live(1)
    assert ann.session(notebook).state == "running"
    lab.live(0.3)
    assert ann.session(notebook).state == "stopped"


def test_keep_until_done(lab: Lab, ann: Person) -> None:
    notebook = started(lab, ann, shutdown_timeout=2)
    lab.live(1.9, used_by="a busy kernel")
    ann.form(f"/notebooks/{notebook.id}/keep")
    lab.live(6, used_by="a busy kernel")
    assert ann.session(notebook).state == "running"
    lab.live(0.5)
    assert "last used by a busy kernel" in ann.session(notebook).message


def test_there_is_nothing_to_keep(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook(should_run_on_create=False)
    ann.api("POST", f"notebooks/{notebook.id}/keep", 409)
    ann.act(notebook, "start", machine_type="C1")
    ann.api("POST", f"notebooks/{notebook.id}/keep", 409)
    lab.settle()
    lab.watch()
    assert ann.act(notebook, "keep").state == "Running"
    for hours in (0, -1, 169, "nan"):
        ann.api("POST", f"notebooks/{notebook.id}/keep", 400, hours=hours)


def test_the_limits_are_those_of_the_start(lab: Lab, ann: Person) -> None:
    notebook = started(lab, ann, shutdown_timeout=1)
    lab.live(1.3)
    assert ann.session(notebook).state == "stopped"
    ann.act(notebook, "start", machine_type="C1", shutdown_timeout=5)
    lab.settle()
    lab.live(4.7)
    assert ann.session(notebook).state == "running" and ann.get(notebook).shutdown_timeout == 5


@pytest.mark.parametrize("away", ["services", "machine"])
def test_what_was_away_stops_nothing_early(lab: Lab, ann: Person, away: str) -> None:
    notebook = started(lab, ann, idle_timeout=1, shutdown_timeout=20)
    lab.live(0.9)
    assert ann.get(notebook).stops_because
    if away == "machine":
        lab.clock.sleep(30 * 3600)
    else:
        lab.clock.advance(10 * 3600)
        lab.restart()
    for loop in lab.appliance.registry.loops.values():  # the worker is back before the supervisor
        loop.run(lab.system)
    lab.live(0.8)
    assert ann.session(notebook).state == "running"
    lab.live(0.4)
    assert "the time that nobody watched it" in ann.session(notebook).message


def test_a_notebook_with_nobody_watching_goes_on(lab: Lab, ann: Person) -> None:
    notebook = started(lab, ann, idle_timeout=1, shutdown_timeout=1)
    for _ in range(10):
        lab.clock.advance(3600)
        for loop in lab.appliance.registry.loops.values():
            loop.run(lab.system)
        lab.settle()
    assert ann.session(notebook).state == "running"


def test_the_form(lab: Lab, ann: Person) -> None:
    project = ann.project()
    form: dict[str, Any] = {"name": "x", "image": "notebook", "instance_type": "C1"}
    page = ann.form(
        f"/projects/{project}/notebooks/new", 400, **form, shutdown_timeout_h="soon"
    ).text
    assert 'value="soon"' in page and "shutdown_timeout_h-error" in page
    answer = ann.form(
        f"/projects/{project}/notebooks/new", **form, shutdown_timeout_h="6", idle_shutdown_h=""
    )
    found = ann.get(answer.headers["location"].strip("/"))
    assert (found.shutdown_timeout, found.idle_timeout) == (6, None)
