"""The supervisor's own look at a spec: each thing that no workload may have."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from appliance.errors import Refused
from appliance.identity import Team
from appliance.runtime import guard
from appliance.runtime.places import ensure_team_dir
from appliance.runtime.spec import Mount, WorkloadSpec
from appliance.runtime.workloads import Workload
from tests.lab import Lab
from tests.runtime.test_reconcile import BASE
from tests.runtime.test_workloads import SPEC


def workload(team: Team, **changes: Any) -> Workload:
    return replace(BASE, **{"id": "wabcdef", "team_id": team.id, **changes})


def check(lab: Lab, spec: WorkloadSpec, **changes: Any) -> None:
    team = lab.team("lab")
    guard.check(workload(team, **changes), spec, team, lab.config)


def with_mounts(*mounts: Mount) -> WorkloadSpec:
    return SPEC.model_copy(update={"mounts": mounts})


def files(target: str, name: str = "nabcdefgh") -> Mount:
    return Mount(area="notebooks", name=name, target=target)


def test_what_notebooks_ask_for_passes(lab: Lab) -> None:
    storage = Mount(area="storage", name=lab.team("lab").id, target="/storage")
    check(lab, with_mounts(files("/notebooks"), storage))


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "//",
        "/.",
        "/etc",
        "/etc/",
        "/etc/x",
        "//etc",
        "///etc/x",
        "/./etc",
        "/a/../etc",
        "/a/..",
    ]
    + [
        "/proc/self",
        "/sys",
        "/dev/shm",
        "/run",
        "/run/gateway",
        "/usr/bin",
        "/bin",
        "/sbin",
        "/lib",
    ]
    + ["/lib64/x", "/usr/./bin"],
)
def test_no_mount_over_what_isolation_rests_on(lab: Lab, target: str) -> None:
    with pytest.raises(Refused, match="nothing may be mounted at"):
        check(lab, with_mounts(files(target)))


@pytest.mark.parametrize("target", ["/etcetera", "/home/run", "/opt/usr", "/notebooks"])
def test_what_only_looks_like_it_passes(lab: Lab, target: str) -> None:
    check(lab, with_mounts(files(target)))


@pytest.mark.parametrize(
    ("one", "two"), [("/a", "/a"), ("/a", "/a/"), ("/a/b", "/a//b"), ("/a", "/./a")]
)
def test_two_mounts_at_one_place(lab: Lab, one: str, two: str) -> None:
    with pytest.raises(Refused, match="two mounts"):
        check(lab, with_mounts(files(one), files(two, "nother")))


def test_storage_of_another_team(lab: Lab) -> None:
    other = Mount(area="storage", name=lab.team("other").id, target="/storage")
    with pytest.raises(Refused, match="another team"):
        check(lab, with_mounts(other))


def test_files_of_another_team(lab: Lab) -> None:
    path = lab.config.paths.notebooks / "nabcdefgh"
    ensure_team_dir(path, lab.config.team_uid(lab.team("other").slot))
    lab.team("lab")
    with pytest.raises(Refused, match="belongs to another team"):
        check(lab, with_mounts(files("/notebooks")))
    os.chown(path, lab.config.team_uid(lab.team("lab").slot), -1)
    check(lab, with_mounts(files("/notebooks")))


def test_a_directory_that_a_kill_left_half_made_is_ours(lab: Lab) -> None:
    (lab.config.paths.notebooks / "nabcdefgh").mkdir()  # root's: killed before the chown
    check(lab, with_mounts(files("/notebooks")))


@pytest.mark.parametrize("target", ["/etc", "/nowhere"])
def test_links_are_not_followed(lab: Lab, target: str) -> None:
    (lab.config.paths.notebooks / "nabcdefgh").symlink_to(target)
    with pytest.raises(Refused, match="symbolic link"):
        check(lab, with_mounts(files("/notebooks")))


def test_a_file_in_the_place_of_a_directory(lab: Lab) -> None:
    path = lab.config.paths.notebooks / "nabcdefgh"
    path.touch()
    uid = lab.config.team_uid(lab.team("lab").slot)
    with pytest.raises(Refused):
        check(lab, with_mounts(files("/notebooks")))
        ensure_team_dir(path, uid)


@pytest.mark.parametrize("changes", [{"id": "../x"}, {"id": "W1234"}, {"id": ""}])
def test_ids_become_paths(lab: Lab, changes: dict[str, str]) -> None:
    with pytest.raises(Refused, match="malformed"):
        check(lab, SPEC, **changes)


def test_the_row_of_another_team(lab: Lab) -> None:
    other = lab.team("other")
    with pytest.raises(Refused, match="another team"):
        check(lab, SPEC, team_id=other.id)


def test_what_the_appliance_sets_itself(lab: Lab) -> None:
    with pytest.raises(Refused, match="SOCKET"):
        check(lab, SPEC.model_copy(update={"env": {"SOCKET": "/etc/passwd"}}))


@pytest.mark.parametrize("change", [{"command": ("a", "b\0c")}, {"env": {"A": "\0"}}])
def test_bytes_that_end_a_text(lab: Lab, change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="NUL"):
        check(lab, SPEC.model_copy(update=change))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mounts", [{"area": "work", "name": "../..", "target": "/a"}]),
        ("mounts", [{"area": "secrets", "name": "abcd", "target": "/a"}]),
        ("mounts", [{"area": "work", "name": "abcd", "target": "relative"}]),
        ("mounts", [{"area": "work", "name": "abcd", "target": "/a", "source": "/etc"}]),
        ("image", "-v /:/host"),
        ("image", "a b"),
        ("privileged", True),
        ("env", {"A=B": "1"}),
        ("workdir", "../"),
        ("stop_timeout_s", 301),
    ],
)
def test_what_can_not_even_be_said(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        WorkloadSpec.model_validate({**SPEC.model_dump(), field: value})
