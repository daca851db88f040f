"""Notebooks over the fake engine: how each way of going well or wrong looks to its user."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.db import execute, write
from appliance.runtime import workloads
from appliance.runtime.backend import Halted, PullLogin, never
from appliance.runtime.fake import (
    BrokenContainer,
    DiesAtStart,
    EngineGone,
    FakeBackend,
    ImageMissing,
    NeverHealthy,
    SlowToPull,
    StubbornProgram,
)
from appliance.runtime.logwork import LogWork
from tests.conftest import MakeLab
from tests.lab import Lab, Person, Thing


def ended(lab: Lab, person: Person, notebook: Thing) -> tuple[str, str, str]:
    """State, reason and message of the last session; by then nothing of it is left."""
    lab.settle()
    assert lab.leftovers() == [] and workloads.leases(lab.db) == []
    found = person.session(notebook)
    return found.state, found.reason, found.message


def test_a_notebook_runs_stops_and_runs_again(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    assert ann.get(notebook).state == "Pending"
    lab.settle()
    assert ann.get(notebook).state == "Running"
    ann.act(notebook, "stop")
    assert ended(lab, ann, notebook) == ("stopped", "Stopped", "stopped by ann")
    ann.act(notebook, "start", machine_type="C2")
    lab.settle()
    assert ann.get(notebook).state == "Running" and ann.get(notebook).machine_type == "C2"
    assert len(lab.backend.starts) == len(set(lab.backend.starts)) == 2


def test_the_container_is_what_was_asked_for(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook(environment={"A": "b", "BASE_URL": "/mine"})
    lab.settle()
    spec = lab.backend.specs[lab.container(notebook)]
    team, workload = lab.team("lab"), lab.workload(notebook)
    assert spec.uid_start == lab.config.team_uid(team.slot)
    assert (spec.cpu_milli, spec.memory_mib) == (1000, 4096)
    assert spec.env["A"] == "b" and spec.env["PROJECT_ID"] == notebook.project_id
    assert spec.env["APPLIANCE_URL"] == f"http://{lab.config.api_address}"
    assert spec.labels["appliance.workload"] == workload.id
    targets = {bind.target: bind.source for bind in spec.binds}
    assert targets["/notebooks"] == lab.config.paths.notebooks / notebook.id
    assert targets["/storage"] == lab.config.paths.storage / team.id
    for path in (targets["/notebooks"], targets["/storage"]):
        assert path.stat().st_uid == spec.uid_start and path.stat().st_mode & 0o777 == 0o700
    assert not any("${" in text for text in (*spec.command, *spec.env.values()))


def test_a_variable_can_not_replace_the_appliances_own(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook(environment={"PROJECT_ID": "prother", "APPLIANCE_API_KEY": "mine"})
    lab.settle()
    env = lab.backend.specs[lab.container(notebook)].env
    assert env["PROJECT_ID"] == notebook.project_id and env["APPLIANCE_API_KEY"].startswith("wt-")


def test_no_such_image(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook(container="nobody/has:this")
    state, reason, message = ended(lab, ann, notebook)
    assert (state, reason) == ("error", "ImageNotFound") and "nobody/has:this" in message
    assert ann.get(notebook).state == "Error" and lab.backend.starts == []


def test_an_image_from_a_registry(lab: Lab, ann: Person) -> None:
    lab.backend.registry.add("team/image:1")
    notebook = ann.notebook(container="team/image:1")
    lab.settle()
    assert ann.get(notebook).state == "Running"
    assert ann.session(notebook).image_digest == lab.backend.image_digest("team/image:1")


@pytest.mark.parametrize(
    ("double", "image", "reason", "words"),
    [
        (SlowToPull, "team/image:1", "StartFailed", "pulling team/image:1 took longer than 1800 s"),
        (ImageMissing, "notebook", "ImageBuildFailed", "image notebook could not be built"),
        (DiesAtStart, "notebook", "ExitCode", "exit code 1; its last log lines say why"),
    ],
)
def test_it_never_comes_up(
    lab_with: MakeLab, double: type[FakeBackend], image: str, reason: str, words: str
) -> None:
    lab = lab_with(double)
    ann = lab.person("ann")
    found = ended(lab, ann, ann.notebook(container=image))
    assert found[1] == reason and words in found[2]
    assert found[0] == ("failed" if double is DiesAtStart else "error")


@pytest.mark.parametrize(
    ("code", "state", "reason", "words"),
    [
        (0, "stopped", "Finished", "ended by itself"),
        (1, "failed", "ExitCode", "exit code 1"),
        (127, "failed", "CommandNotFound", "no such command"),
        (137, "failed", "Killed", "its limit is 4096 MiB"),
    ],
)
def test_it_ends_by_itself(
    lab: Lab, ann: Person, code: int, state: str, reason: str, words: str
) -> None:
    notebook = ann.notebook()
    lab.settle()
    lab.backend.finish(lab.container(notebook), code)
    found = ended(lab, ann, notebook)
    assert found[:2] == (state, reason) and words in found[2]
    assert ann.session(notebook).exit_code == code


def test_a_container_that_can_not_be_started_is_made_again(lab_with: MakeLab) -> None:
    lab = lab_with(BrokenContainer)
    ann = lab.person("ann")
    notebook = ann.notebook()
    lab.settle()
    assert ann.get(notebook).state == "Running"


def test_but_only_once(lab_with: MakeLab) -> None:
    lab = lab_with(BrokenContainer)
    assert isinstance(lab.backend, BrokenContainer)
    lab.backend.broken = 2
    ann = lab.person("ann")
    assert ended(lab, ann, ann.notebook())[:2] == ("error", "StartFailed")


def test_out_of_memory_says_how_much_there_was(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    lab.backend.finish(lab.container(notebook), 137, oom=True)
    found = ended(lab, ann, notebook)
    assert found[:2] == ("failed", "OutOfMemory") and "4096 MiB" in found[2]


def test_a_kill_inside_does_not_make_a_later_end_one_of_memory(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    lab.backend.kill_inside(lab.container(notebook))
    lab.settle()
    lab.backend.finish(lab.container(notebook), 1)
    assert ended(lab, ann, notebook)[1] == "ExitCode"


def test_nobody_answers_in_time(lab_with: MakeLab) -> None:
    lab = lab_with(NeverHealthy)
    ann = lab.person("ann")
    notebook = ann.notebook()
    lab.settle()
    lab.clock.advance(120)
    lab.settle()
    assert ann.session(notebook).state == "starting"
    lab.clock.advance(1)
    found = ended(lab, ann, notebook)
    assert found[:2] == ("error", "ReadinessTimeout") and "120 s" in found[2]


def test_a_program_that_does_not_want_to_stop(lab_with: MakeLab) -> None:
    lab = lab_with(StubbornProgram)
    ann = lab.person("ann")
    notebook = ann.notebook()
    lab.settle()
    ann.act(notebook, "stop")
    assert ended(lab, ann, notebook) == ("stopped", "Stopped", "stopped by ann")


def test_stopped_before_it_starts(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    ann.act(notebook, "stop")
    assert ended(lab, ann, notebook)[:2] == ("canceled", "Canceled")
    assert lab.backend.starts == []


def test_stopped_while_it_pulls_it_is_never_started(lab_with: MakeLab) -> None:
    people: dict[str, Any] = {}

    class StoppedMeanwhile(FakeBackend):
        def pull(
            self, image: str, timeout_s: float, progress: Any, login: PullLogin | None = None,
            halt: Halted = never,
        ) -> None:  # fmt: skip
            super().pull(image, timeout_s, progress)
            people["ann"].act(people["notebook"], "stop")

    lab = lab_with(StoppedMeanwhile)
    lab.backend.registry.add("team/image:1")
    ann = people["ann"] = lab.person("ann")
    notebook = people["notebook"] = ann.notebook(container="team/image:1")
    assert ended(lab, ann, notebook) == ("stopped", "Stopped", "stopped by ann")
    assert lab.backend.starts == []


def test_stopped_while_nobody_answers(lab_with: MakeLab) -> None:
    lab = lab_with(NeverHealthy)
    ann = lab.person("ann")
    notebook = ann.notebook()
    lab.settle()
    ann.act(notebook, "stop")
    assert ended(lab, ann, notebook)[:2] == ("stopped", "Stopped")


def test_the_engine_goes_and_comes_back(lab_with: MakeLab) -> None:
    lab = lab_with(EngineGone)
    engine: Any = lab.backend
    ann = lab.person("ann")
    notebook = ann.notebook()
    lab.settle()
    assert ann.get(notebook).state == "Pending"
    engine.gone = False
    lab.settle()
    assert ann.get(notebook).state == "Running"
    engine.gone = True
    ann.act(notebook, "stop")
    lab.settle()
    assert ann.session(notebook).state == "running"
    engine.gone = False
    assert ended(lab, ann, notebook)[:2] == ("stopped", "Stopped")
    assert len(lab.backend.starts) == 1


def test_the_engine_goes_in_the_middle_of_a_start(lab_with: MakeLab) -> None:
    class GoesAtCreate(EngineGone):
        gone = False

        def create(self, spec: Any) -> None:
            self.gone = not self.starts and not self.specs
            self.specs.setdefault("once", spec)
            super().create(spec)

    lab = lab_with(GoesAtCreate)
    engine: Any = lab.backend
    ann = lab.person("ann")
    notebook = ann.notebook()
    lab.settle()
    assert ann.session(notebook).state == "provisioning"
    engine.gone = False
    lab.settle()
    assert ann.get(notebook).state == "Running" and len(lab.backend.starts) == 1


def test_two_notebooks_where_one_fits(lab: Lab, ann: Person) -> None:
    first = ann.notebook(name="first", machine_type="C2")
    second = ann.notebook(name="second", machine_type="C2")
    lab.settle()
    assert (ann.get(first).state, ann.get(second).state) == ("Running", "Pending")
    waits = ann.session(second)
    assert waits.wait_position == 1 and waits.wait_reason == (
        "needs 2 CPU, 8.0 GiB; free: 0 CPU, 0.0 GiB; in use by first"
    )
    page = ann.page(f"/notebooks/{second.id}")
    assert "in use by first" in page
    ann.act(first, "stop")
    lab.settle()
    assert ann.get(second).state == "Running" and ann.session(second).wait_position is None


def test_what_never_fits_is_an_error_at_once(lab: Lab, ann: Person) -> None:
    big = ann.notebook(machine_type="C4")
    small = ann.notebook(name="small")
    lab.settle()
    found = ann.session(big)
    assert (found.state, found.reason) == ("error", "NeverFits")
    assert "needs 4 CPU" in found.message and "choose a smaller" in found.message
    assert ann.get(small).state == "Running"


def test_a_container_that_vanished(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    lab.backend.remove(lab.container(notebook))
    assert ended(lab, ann, notebook)[:2] == ("error", "ContainerLost")


def test_the_log_of_a_program_that_dies_at_once_is_kept(lab_with: MakeLab) -> None:
    lab = lab_with(DiesAtStart)
    ann = lab.person("ann")
    copier = LogWork(lab.appliance, lab.places)
    copier.turn()
    notebook = ann.notebook()
    copier.turn()
    lab.settle()  # it starts and dies between two turns of the copier
    directory = lab.config.paths.logs / lab.workload(notebook).id
    token = lab.backend.specs[lab.container(notebook)].env["APPLIANCE_API_KEY"]
    line = f"2026-01-01T00:00:00.000000000+00:00 stderr F no module named x {token}\n"
    (directory / "raw.log").write_text(line)
    copier.turn()
    assert (
        ann.get(f"{notebook.path}/logs").text == "2026-01-01T00:00:00.000Z no module named x ***\n"
    )
    assert "no module named x ***" in ann.page(f"/notebooks/{notebook.id}")
    assert not (directory / "raw.log").exists()


def test_a_damaged_row_stops_nobody_else(lab: Lab, ann: Person) -> None:
    bad, good = ann.notebook(name="bad"), ann.notebook(name="good")
    with write(lab.db):
        execute(
            lab.db,
            "UPDATE workloads SET final_spec = '{}' WHERE id = ?",
            (lab.workload(bad).id,),
        )
    lab.settle()
    assert ann.session(bad).reason == "Malformed"
    assert ann.get(good).state == "Running"
