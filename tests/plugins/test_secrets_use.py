"""What programs get of secrets, what is left of it, and that it is found nowhere else."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from click.testing import CliRunner

from appliance import config, events, vault
from appliance.cli import program
from appliance.db import execute, rows, write
from appliance.runtime import envfile, hidden, worker
from appliance.runtime.backend import Bind, ImageConfig
from appliance.runtime.fake import SlowToPull
from appliance.runtime.logwork import LogWork
from tests.conftest import MakeLab
from tests.lab import Lab, Person, image
from tests.plugins.test_secrets import CANARY, env_text, started
from tests.runtime.test_logs import cri


class TestIntoTheContainer:
    """What the engine is told."""

    @staticmethod
    def project_with(person: Person, **secrets: str) -> str:
        project = person.project()
        for name, value in secrets.items():
            person.api("POST", f"projects/{project}/secrets", name=name, value=value)
        return project

    def test_the_wrapper_runs_what_the_image_would(self, lab: Lab, ann: Person) -> None:
        lab.backend.configs[image("notebook")] = ImageConfig(("/entry", "--x"), ("cmd",))
        project = self.project_with(ann, A=CANARY)
        spec = lab.backend.specs[lab.container(started(lab, ann, project, S="secret:A", T="plain"))]
        plain = lab.backend.specs[lab.container(started(lab, ann, project, T="plain"))]
        assert spec.entrypoint == envfile.ENTRYPOINT and plain.entrypoint == ()
        assert spec.command[:2] == ("/entry", "--x") and len(spec.command) == len(plain.command) + 2
        assert "S" not in spec.env and spec.env["T"] == "plain" and CANARY not in repr(spec)
        targets = {bind.target: bind for bind in spec.binds}
        assert targets["/run/appliance/busybox"] == Bind(
            Path("/bin/busybox"), "/run/appliance/busybox", read_only=True
        )
        assert targets["/run/appliance/env"].read_only
        assert not {"/run/appliance/env", "/run/appliance/busybox"} & {
            b.target for b in plain.binds
        }

    def test_the_appliances_own_variables_win(self, lab: Lab, ann: Person) -> None:
        project = self.project_with(ann, A=CANARY)
        notebook = started(lab, ann, project, PROJECT_ID="secret:A", S="secret:A")
        spec = lab.backend.specs[lab.container(notebook)]
        assert spec.env["PROJECT_ID"] == project and "PROJECT_ID" not in env_text(lab, notebook)

    def test_it_runs_with_what_it_was_queued_with(self, lab: Lab, ann: Person) -> None:
        project = self.project_with(ann, A="first")
        notebook = ann.notebook(project, environment={"S": "secret:A"})
        worker.turn(lab.system)
        ann.api("PATCH", f"projects/{project}/secrets/A", value="second")
        lab.settle()
        assert env_text(lab, notebook) == "export S=first\n"

    def test_nothing_is_left_when_it_ended(self, lab: Lab, ann: Person) -> None:
        project = self.project_with(ann, A=CANARY)
        notebook = started(lab, ann, project, S="secret:A")
        ann.act(notebook, "stop")
        lab.settle()
        assert lab.leftovers() == [] and list(lab.config.paths.env.iterdir()) == []
        log_dir = lab.places.log_dir(lab.workload(notebook).id)
        (log_dir / "raw.log").touch()
        worker.prune(lab.system)
        assert len(rows(lab.db, "SELECT * FROM vault")) == 2  # its log is not complete yet
        (log_dir / "raw.log").unlink()
        worker.prune(lab.system)
        assert len(rows(lab.db, "SELECT * FROM vault")) == 1

    def test_the_file_is_made_again_with_the_container(self, lab: Lab, ann: Person) -> None:
        project = self.project_with(ann, A=CANARY)
        notebook = started(lab, ann, project, S="secret:A")
        lab.restart()
        lab.settle()
        assert CANARY in env_text(lab, notebook) and ann.get(notebook).state == "Running"

    def test_a_rotation_while_it_waits(self, lab: Lab, ann: Person) -> None:
        project = self.project_with(ann, A=CANARY)
        notebook = ann.notebook(project, environment={"S": "secret:A"})
        worker.turn(lab.system)
        config.save(lab.config)
        said = CliRunner().invoke(program, ["secrets", "rotate", "--data", str(lab.root)])
        assert said.exit_code == 0 and "2 values" in said.output, said.output
        lab.settle()
        assert CANARY in env_text(lab, notebook)

    def test_the_value_of_another_workload_does_not_open(self, lab: Lab, ann: Person) -> None:
        """A row that something other than the worker wrote."""
        project = self.project_with(ann, A=CANARY)
        theirs = lab.workload(started(lab, ann, project, S="secret:A"))
        mine = lab.person("eve", team="other").notebook(environment={"S": "x"})
        worker.turn(lab.system)
        spec = json.loads(lab.workload(mine).final_json or "")
        spec["env"].pop("S")
        spec["secret_env"] = theirs.final.secret_env
        with write(lab.db) as db:
            sql = "UPDATE workloads SET final_spec = ? WHERE id = ?"
            execute(db, sql, (json.dumps(spec), lab.workload(mine).id))
        lab.settle()
        found = lab.workload(mine)
        assert (found.state, found.reason) == ("error", "Refused")
        assert CANARY not in env_text(lab, mine)

    def test_lost_keys_end_it_with_the_reason(self, lab: Lab, ann: Person) -> None:
        project = self.project_with(ann, A=CANARY)
        lab.config.paths.key_ring.write_text("deadbeef " + "00" * 32)
        found = ann.session(started(lab, ann, project, S="secret:A"))
        assert found.reason == "Refused" and "secrets.keys has no key" in found.message


class TestLogs:
    """What a program prints of it."""

    def test_masked_to_the_last_line(self, lab: Lab, ann: Person) -> None:
        project = TestIntoTheContainer.project_with(ann, A=CANARY)
        notebook = started(lab, ann, project, S="secret:A")
        directory = lab.places.log_dir(lab.workload(notebook).id)
        work = LogWork(lab.appliance, lab.places)
        (directory / "raw.log").write_text(cri(f"first {CANARY}"))
        work.turn()
        ann.api("DELETE", f"projects/{project}/secrets/A")
        with (directory / "raw.log").open("a") as raw:
            raw.write(cri(f"second {CANARY}"))
        ann.act(notebook, "stop")
        lab.settle()
        LogWork(lab.appliance, lab.places).turn()  # another process, after a restart
        text = ann.get(f"{notebook.path}/logs").text
        assert "first ***" in text and "second ***" in text and CANARY not in text

    def test_what_can_not_be_masked_is_not_shown(self, lab: Lab, ann: Person) -> None:
        project = TestIntoTheContainer.project_with(ann, A=CANARY)
        notebook, other = started(lab, ann, project, S="secret:A"), started(lab, ann, project)
        keys = lab.config.paths.key_ring.read_text()
        lab.config.paths.key_ring.write_text("deadbeef " + "00" * 32)
        for one in (notebook, other):
            directory = lab.places.log_dir(lab.workload(one).id)
            (directory / "raw.log").write_text(cri(f"says {CANARY}"))
        work = LogWork(lab.appliance, lab.places)
        work.turn()
        assert ann.get(f"{notebook.path}/logs").text == ""
        assert ann.get(f"{other.path}/logs").text  # the others' go on
        lab.config.paths.key_ring.write_text(keys)
        work.turn()
        assert "says ***" in ann.get(f"{notebook.path}/logs").text


def test_a_value_is_found_nowhere(lab: Lab, ann: Person) -> None:
    """The canary: everything that is stored or shown, but the file for the program."""
    project = TestIntoTheContainer.project_with(ann, A=CANARY)
    notebook = started(lab, ann, project, S="secret:A")
    (lab.places.log_dir(lab.workload(notebook).id) / "raw.log").write_text(cri(CANARY))
    LogWork(lab.appliance, lab.places).turn()
    assert CANARY in env_text(lab, notebook)
    stored = "\n".join(sqlite3.Connection.iterdump(lab.db.conn))
    assert (
        "secret:A" in stored
        and CANARY not in stored
        and CANARY.encode().hex() not in stored.lower()
    )
    assert CANARY not in repr(lab.backend.specs) + repr(events.after(lab.db, 0, 10_000))
    for path in lab.root.rglob("*"):
        if path.is_file() and path.name not in ("raw.log", "env"):
            assert CANARY.encode() not in path.read_bytes(), path
    shown = [f"/projects/{project}/secrets", f"/notebooks/{notebook.id}", "/secrets", "/"]
    shown += [
        f"/v1/projects/{project}/secrets/A",
        f"/v1/{notebook.path}/sessions",
        f"/v1/{notebook.path}",
    ]
    for url in shown:
        assert CANARY not in ann.page(url), url


def test_a_pull_that_fails_keeps_the_password_to_itself(lab_with: MakeLab) -> None:
    lab = lab_with(SlowToPull)
    ann = lab.person("ann")
    login = {"registry_username": "ann", "registry_password": CANARY}
    notebook = ann.notebook(container="private.example.org/a:1", **login)
    lab.settle()
    assert CANARY not in repr(vars(ann.session(notebook))) + "\n".join(
        sqlite3.Connection.iterdump(lab.db.conn)
    )
    login_row = lab.workload(notebook)
    found = hidden.pull_login(lab.db, lab.appliance.keys, login_row)
    assert found is not None and (found.username, found.password) == ("ann", CANARY)
    assert CANARY not in repr(found)
    ann.api("DELETE", notebook.path)
    worker.prune(lab.system)
    assert vault.purposes(lab.db, "") == []
