"""Gradient's names of machine types: what they are on this machine, and what an admin says."""

from __future__ import annotations

import pytest

from appliance.errors import Invalid, Refused
from appliance.plugins import InstanceType
from plugins_builtin.instance_types import names, service
from tests.lab import Lab, Person

CPUS = [InstanceType(f"X{size}", size * 1000, 1024) for size in (1, 2, 8)]
GPUS = [
    InstanceType("A4000x1", 4000, 1024, gpus=1, gpu_kind="NVIDIA RTX A4000"),
    InstanceType("H100x1", 8000, 1024, gpus=1, gpu_kind="NVIDIA H100 80GB HBM3"),
    InstanceType("H100x2", 16000, 1024, gpus=2, gpu_kind="NVIDIA H100 80GB HBM3"),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("C3", "X2"), ("c3", "X2"), ("C5", "X2"), ("C6", "X8"), ("C10", "X8"), ("Free-CPU", "X1")],
)
def test_cpus_by_size(name: str, expected: str) -> None:
    found = names.counterpart([*CPUS, *GPUS], name)
    assert found is not None and found.name == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("H100", "H100x1"),
        ("H100x2", "H100x2"),
        ("A4000", "A4000x1"),
        ("A4000x2", "H100x2"),
        ("P4000", "A4000x1"),
        ("Free-GPU", "A4000x1"),
        ("Free-A100-80G", "A4000x1"),
        ("H100x8", None),
    ],
)
def test_gpus_by_kind_and_number(name: str, expected: str | None) -> None:
    found = names.counterpart([*CPUS, *GPUS], name)
    assert (found and found.name) == expected
    assert names.counterpart(CPUS, name) is None


def test_own_names_win(lab: Lab) -> None:
    ctx = lab.acting("ann")
    assert service.find(ctx, "C4").cpu_milli == 4000  # not the two cores that Gradient's has
    assert service.find(ctx, "c1").name == "C1"


def test_refusals_say_what_there_is(lab: Lab) -> None:
    ctx = lab.acting("ann")
    with pytest.raises(
        Refused, match="P4000 has no counterpart here: the types here are C1, C2, C4"
    ):
        service.find(ctx, "P4000")
    with pytest.raises(Invalid, match="choose one of C1, C2, C4"):
        service.find(ctx, "X9")


def test_a_notebook_shows_what_it_really_has(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook(machine_type="C3", should_run_on_create=False)
    assert notebook.machine_type == "C2"
    assert ann.act(notebook, "start", machine_type="C2").machine_type == "C2"
    ann.api("POST", "notebooks", 412, project_id=notebook.project_id, machine_type="A100")


class TestTheAdminsTable:
    @pytest.fixture
    def root(self, lab: Lab) -> Person:
        return lab.person("root", admin=True)

    def of(self, person: Person, name: str) -> object:
        listed = {item["name"]: item for item in person.api("GET", "machine-types")}
        return listed[name]["instanceType"]

    def test_mapped_refused_and_reset(self, ann: Person, root: Person) -> None:
        assert self.of(ann, "P4000") is None and self.of(ann, "C3") == "C2"
        assert root.api("PUT", "machine-types/p4000", instance_type="C1")["instanceType"] == "C1"
        assert ann.notebook(machine_type="P4000", should_run_on_create=False).machine_type == "C1"
        root.api("PUT", "machine-types/C3")  # empty, as an official client drops it: refused
        ann.api("POST", "notebooks", 412, project_id=ann.project(), machine_type="C3")
        assert root.api("DELETE", "machine-types/C3")["instanceType"] == "C2"
        root.api("DELETE", "machine-types/C3")

    def test_names_of_the_admins_own(self, ann: Person, root: Person) -> None:
        root.api("PUT", "machine-types/big-one", instance_type="C2")
        assert self.of(ann, "big-one") == "C2"

    def test_what_can_not_be(self, ann: Person, root: Person) -> None:
        ann.api("PUT", "machine-types/P4000", 403, instance_type="C1")
        root.api("PUT", "machine-types/P4000", 400, instance_type="C99")
        root.api("PUT", "machine-types/C1", 409, instance_type="C2")
        root.api("PUT", "machine-types/a%20b", 400, instance_type="C2")

    def test_a_type_that_is_gone_is_refused(self, lab: Lab, ann: Person) -> None:
        lab.db.conn.execute("INSERT INTO machine_types VALUES ('C3', 'C77', 0)")
        with pytest.raises(Refused):
            service.find(lab.acting("ann"), "C3")
