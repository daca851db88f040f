"""Who gets which of the gateway's upstream groups, and where its link leads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.boot import CORE_MIGRATIONS
from appliance.clock import ManualClock
from appliance.db import Db, migrate, open_db, write
from appliance.paths import Paths
from appliance.runtime import slots, workloads
from appliance.runtime.slots import SLOTS, Held
from appliance.runtime.spec import Resources, Route, WorkloadSpec

ROUTE = Route(kind="n", target="nabc1234", ready_path="/api", permission="notebooks.open")


@pytest.fixture()
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture()
def db(tmp_path: Path, clock: ManualClock) -> Iterator[Db]:
    opened = open_db(tmp_path / "db", clock=clock)
    migrate(opened, CORE_MIGRATIONS)
    yield opened
    opened.conn.close()


@pytest.fixture()
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path)
    made.slots.mkdir(parents=True)
    return made


def submitted(db: Db) -> str:
    resources = Resources(cpu_milli=1000, memory_mib=512)
    spec = WorkloadSpec(kind="notebook", image="notebook", instance_type="C1", resources=resources)
    with write(db):
        return workloads.submit(
            db, spec, owner_id=os.urandom(4).hex(), project_id="prabc1234", team_id="teabc1234",
            user_id="usabc1234", label="nb",
        )  # fmt: skip


def taken(db: Db, workload_id: str, route: Route | None = ROUTE) -> int | None:
    with write(db):
        return slots.take(db, workload_id, route)


def test_each_workload_gets_a_slot_of_its_own_and_keeps_it(db: Db) -> None:
    ids = [submitted(db) for _ in range(3)]
    assert [taken(db, name) for name in ids] == [0, 1, 2]
    assert [taken(db, name) for name in ids] == [0, 1, 2]  # repeated after a crash
    assert slots.all_held(db) == [Held(number, name) for number, name in enumerate(ids)]


def test_the_last_slot_is_followed_by_none(db: Db) -> None:
    ids = [submitted(db) for _ in range(SLOTS + 1)]
    assert [taken(db, name) for name in ids] == [*range(SLOTS), None]


def test_only_a_route_to_the_usual_socket_has_one(db: Db) -> None:
    assert taken(db, submitted(db), None) is None
    assert taken(db, submitted(db), ROUTE.model_copy(update={"socket": "other.sock"})) is None


def test_a_slot_rests_before_its_next_holder(db: Db, clock: ManualClock) -> None:
    ids = [submitted(db) for _ in range(SLOTS)]
    assert taken(db, submitted(db)) == 0 and [taken(db, name) for name in ids][-2:] == [
        SLOTS - 1,
        None,
    ]
    give_back(db, ids[3])
    assert slots.of(db, ids[3]) is None
    clock.advance(59)
    assert taken(db, submitted(db)) is None
    clock.advance(1)
    assert taken(db, submitted(db)) == 4


def give_back(db: Db, workload_id: str) -> None:
    with write(db):
        slots.release(db, workload_id)


def test_the_slot_that_rested_longest_comes_first(db: Db, clock: ManualClock) -> None:
    ids = [submitted(db) for _ in range(SLOTS)]
    for name in ids:
        taken(db, name)
    for number in (7, 3):
        give_back(db, ids[number])
        clock.advance(1)
    clock.advance(60)
    assert [taken(db, submitted(db)) for _ in range(3)] == [7, 3, None]


def test_a_link_leads_to_its_holders_sockets(paths: Paths) -> None:
    (paths.slots / "5.part").symlink_to("left by a kill")
    for holder in ("wone", "wone", "wtwo"):
        (paths.sockets / holder).mkdir(parents=True, exist_ok=True)
        slots.link(paths, Held(5, holder))
        assert (paths.slots / "5").resolve() == (paths.sockets / holder).resolve()
    assert [path.name for path in paths.slots.iterdir()] == ["5"]
