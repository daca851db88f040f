"""The worker's turn: plugins add to workloads, hear of events, and fail without taking others along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from appliance import identity, sessions
from appliance.db import write
from appliance.errors import Refused
from appliance.plugins import Image, hookimpl
from appliance.plugins.contracts import PluginInfo
from appliance.runtime import catalogue, holders, worker
from appliance.runtime.spec import Mount, SpecPatch
from appliance.runtime.tokens import workload_token
from tests.lab import Lab, Person, image, registry


class Extender:
    """A plugin whose extend_workload is what the test says."""

    INFO = PluginInfo("extender", title="Extender")
    answer: Any = None

    @hookimpl
    def extend_workload(self, ctx: Any, workload: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def extender() -> Iterator[Extender]:
    plugin, manager = Extender(), registry().manager
    manager.register(plugin, name="extender")
    yield plugin
    manager.unregister(plugin)


def settled(lab: Lab, person: Person, **fields: Any) -> Any:
    notebook = person.notebook(**fields)
    lab.settle()
    return person.session(notebook)


def test_a_plugin_adds_variables_and_mounts(lab: Lab, ann: Person, extender: Extender) -> None:
    mount = Mount(area="work", name="wextra", target="/extra", read_only=True)
    extender.answer = SpecPatch(env={"EXTRA": "1"}, mounts=(mount,))
    assert settled(lab, ann).state == "running"
    (spec,) = lab.backend.specs.values()
    assert spec.env["EXTRA"] == "1"
    (bind,) = [bind for bind in spec.binds if bind.target == "/extra"]
    assert bind.read_only and bind.source == lab.config.paths.work / "wextra"


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (SpecPatch(env={"A": "2"}), "env A comes from the request and from the plugin extender"),
        (
            SpecPatch(mounts=(Mount(area="work", name="wextra", target="/storage"),)),
            "mount /storage comes from the plugin storage and from the plugin extender",
        ),
    ],
)
def test_the_same_thing_twice_names_both(
    lab: Lab, ann: Person, extender: Extender, patch: SpecPatch, words: str
) -> None:
    extender.answer = patch
    found = settled(lab, ann, environment={"A": "1"})
    assert (found.state, found.message) == ("error", words) and lab.backend.starts == []


def test_a_veto_reaches_the_user(lab: Lab, ann: Person, extender: Extender) -> None:
    extender.answer = Refused("no budget left", hint="ask the admin")
    found = settled(lab, ann)
    assert (found.state, found.reason) == ("error", "Refused")
    assert found.message == "no budget left: ask the admin"


def test_a_plugin_with_a_bug_fails_one_workload(lab: Lab, ann: Person, extender: Extender) -> None:
    extender.answer = ZeroDivisionError("by zero")
    found = settled(lab, ann)
    assert (found.state, found.reason) == ("error", "PluginFailed")
    assert found.message == "the plugin extender failed: ZeroDivisionError: by zero"
    extender.answer = None
    assert settled(lab, ann).state == "running"


def test_a_plugin_can_not_mount_over_the_system(lab: Lab, ann: Person, extender: Extender) -> None:
    extender.answer = SpecPatch(mounts=(Mount(area="work", name="wextra", target="//etc"),))
    found = settled(lab, ann)
    assert found.reason == "Refused" and lab.backend.starts == []


def test_a_deleted_project_takes_its_notebooks_along(lab: Lab, ann: Person) -> None:
    bob = lab.person("bob", role="admin")
    project = ann.project()
    lab.settle()  # listeners begin where the events are now
    notebooks = [ann.notebook(project, name=f"nb{n}", should_run_on_create=False) for n in range(3)]
    bob.api("DELETE", f"projects/{project}")
    lab.settle()
    for notebook in notebooks:
        ann.api("GET", notebook.path, status=404)
    assert ann.get("notebooks").items == []
    ann.api("POST", "notebooks", 404, name="late", project_id=project, machine_type="C1")


def test_a_project_in_use_stays(lab: Lab, ann: Person) -> None:
    bob = lab.person("bob", role="admin")
    notebook = ann.notebook()
    lab.settle()
    assert "nb" in bob.api("DELETE", f"projects/{notebook.project_id}", status=409)["message"]
    bob.act(notebook, "stop")
    lab.settle()
    bob.api("DELETE", f"projects/{notebook.project_id}")


class TestHeldConnections:
    """WebSockets that are open when their holder loses the right to them."""

    @staticmethod
    def held(lab: Lab, person: Person, credential: str = "") -> Any:
        notebook = person.notebook()
        lab.settle()
        (session,) = sessions.of_user(lab.db, person.user.id)
        who = credential or session.digest
        with write(lab.db) as db:
            holders.record(db, "1.1.1.1:5", "127.0.0.1:80", "n", notebook.id, person.user.id, who)
        return notebook

    @staticmethod
    def closing(lab: Lab) -> bool:
        worker.review_connections(lab.system)
        (connection,) = holders.all_connections(lab.db)
        return connection.closing

    def test_who_may_stays(self, lab: Lab, ann: Person) -> None:
        self.held(lab, ann)
        assert not self.closing(lab)

    def test_who_left_the_team_goes(self, lab: Lab, ann: Person) -> None:
        self.held(lab, ann)
        identity.remove_member(lab.db, lab.team("lab").id, ann.user.id)
        assert self.closing(lab)

    def test_who_signed_out_goes(self, lab: Lab, ann: Person) -> None:
        self.held(lab, ann)
        ann.form("/logout")
        assert self.closing(lab)

    def test_a_workload_by_its_token_stays_as_long_as_it_lives(self, lab: Lab, ann: Person) -> None:
        caller = ann.notebook(name="caller")
        callee = ann.notebook(caller.project_id, name="callee")
        lab.settle()
        token = workload_token(lab.appliance.keys, lab.workload(caller).id)
        headers = {
            "X-Appliance-Via": "gateway",
            "X-Service": f"n/{callee.id}",
            "X-Client": "10.192.1.2:5",
            "X-Server": "127.0.0.1:80",
            "Authorization": f"Bearer {token}",
        }
        answer = lab.app.test_client().get("/internal/authorize", headers=headers)
        assert answer.status_code == 200
        assert not self.closing(lab)
        ann.act(caller, "stop")
        lab.settle()
        assert self.closing(lab)


def test_catalogue_names_become_references(lab: Lab) -> None:
    found = lab.appliance.registry.images
    assert image("notebook").startswith("localhost/") and image("notebook") != image("base")
    assert catalogue.reference(found, "docker.io/a/b:1") == "docker.io/a/b:1"
    names = [item.name for item in catalogue.to_build(found)]
    assert names.index("base") < names.index("notebook")


def test_a_parent_that_changes_changes_its_children(tmp_path: Any) -> None:
    for name in ("base", "child"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Containerfile").write_text("FROM scratch")

    def reference() -> str:
        base = Image("base", "Base", "", ("job",), recipe=tmp_path / "base")
        child = replace(base, name="child", recipe=tmp_path / "child", parent="base")
        return catalogue.reference({"base": base, "child": child}, "child")

    before = reference()
    assert reference() == before
    (tmp_path / "base" / "Containerfile").write_text("FROM scratch\n# other")
    assert reference() != before
