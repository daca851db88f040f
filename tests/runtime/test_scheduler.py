"""Who starts and who waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.runtime.scheduler import Ask, Capacity, Lease, Plan, fits, plan
from appliance.runtime.spec import Resources

MACHINE = Capacity(4000, 8192, ("gpu0", "gpu1"))


def wants(cpu: int = 1000, memory: int = 1024, devices: int = 0) -> Resources:
    return Resources(cpu_milli=cpu, memory_mib=memory, devices=devices)


def ask(name: str, order: int, priority: int = 0, **what: int) -> Ask:
    return Ask(name, wants(**what), order, priority, f"nb {name}")


def granted(made: Plan) -> list[str]:
    return [lease.id for lease in made.grants]


def waiting(made: Plan) -> list[tuple[str, int]]:
    return [(wait.id, wait.position) for wait in made.waits]


def test_an_empty_machine_takes_what_fits() -> None:
    made = plan([ask("a", 1), ask("b", 2, devices=1)], [], MACHINE)
    assert granted(made) == ["a", "b"] and not made.waits and not made.impossible
    assert made.grants[1].devices == ("gpu0",)


def test_arrival_counts_and_not_the_order_of_the_list() -> None:
    made = plan([ask("b", 2, cpu=3000), ask("a", 1, cpu=3000)], [], MACHINE)
    assert granted(made) == ["a"] and waiting(made) == [("b", 1)]


def test_priority_goes_first() -> None:
    made = plan([ask("a", 1, cpu=3000), ask("b", 2, priority=5, cpu=3000)], [], MACHINE)
    assert granted(made) == ["b"] and waiting(made) == [("a", 1)]


def test_nobody_overtakes_the_first_who_waits() -> None:
    held = [Lease("x", 2000, 1024, (), "big run")]
    made = plan([ask("a", 1, cpu=3000), ask("b", 2, cpu=1000)], held, MACHINE)
    assert granted(made) == [] and waiting(made) == [("a", 1), ("b", 2)]
    assert made.waits[0].reason == (
        "needs 3 CPU, 1.0 GiB; free: 2 CPU, 7.0 GiB, 2 GPU; in use by big run"
    )
    assert made.waits[1].reason == "needs 1 CPU, 1.0 GiB; waits behind an earlier one"


def test_what_never_fits_says_so_and_blocks_nobody() -> None:
    made = plan([ask("a", 1, cpu=5000), ask("b", 2)], [], MACHINE)
    (never,) = made.impossible
    assert never.id == "a" and granted(made) == ["b"]
    assert never.reason == "needs 5 CPU, 1.0 GiB; this machine has 4 CPU, 8.0 GiB, 2 GPU"


@pytest.mark.parametrize("what", [{"cpu": 4001}, {"memory": 8193}, {"devices": 3}])
def test_each_resource_can_be_what_never_fits(what: dict[str, int]) -> None:
    assert not fits(wants(**what), MACHINE)
    assert fits(wants(4000, 8192, 2), MACHINE)


def test_devices_run_out_one_by_one() -> None:
    asks = [ask(name, order, devices=1) for order, name in enumerate("abc")]
    made = plan(asks, [], MACHINE)
    assert [lease.devices for lease in made.grants] == [("gpu0",), ("gpu1",)]
    assert waiting(made) == [("c", 1)]


def test_many_holders_are_counted() -> None:
    held = [Lease(f"w{n}", 800, 100, (), f"nb{n}") for n in range(5)]
    (wait,) = plan([ask("a", 1)], held, MACHINE).waits
    assert wait.reason.endswith("in use by nb0, nb1, nb2 and 2 more")


def test_a_machine_that_shrank_gives_nothing_and_says_no_minus() -> None:
    (wait,) = plan([ask("a", 1)], [Lease("x", 9000, 9000)], MACHINE).waits
    assert "free: 0 CPU, 0.0 GiB" in wait.reason


ASKS = st.lists(
    st.builds(
        wants,
        cpu=st.integers(10, 5000),
        memory=st.integers(16, 9000),
        devices=st.integers(0, 3),
    ),
    max_size=8,
)
PRIORITIES = st.lists(st.integers(-1, 1), min_size=8, max_size=8)
HELD = st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 5000)), max_size=3)


@given(ASKS, PRIORITIES, HELD, st.lists(st.booleans(), min_size=2, max_size=2))
def test_promises_hold_for_every_queue(
    resources: list[Resources],
    priorities: list[int],
    held: list[tuple[int, int]],
    taken: list[bool],
) -> None:
    asks = [Ask(f"a{n}", one, n, priorities[n]) for n, one in enumerate(resources)]
    leases = [Lease(f"l{n}", *one) for n, one in enumerate(held)]
    leases += [Lease(f"d{n}", 0, 0, (f"gpu{n}",)) for n, one in enumerate(taken) if one]
    made = plan(asks, leases, MACHINE)

    assert made == plan(asks[::-1], leases, MACHINE)
    answered = [*granted(made), *(w.id for w in made.waits), *(w.id for w in made.impossible)]
    assert sorted(answered) == sorted(one.id for one in asks)
    after = [*leases, *made.grants]
    if made.grants:  # an overfull machine gets nothing on top
        assert sum(lease.cpu_milli for lease in after) <= MACHINE.cpu_milli
        assert sum(lease.memory_mib for lease in after) <= MACHINE.memory_mib
    devices = [device for lease in after for device in lease.devices]
    assert len(devices) == len(set(devices)) and set(devices) <= set(MACHINE.devices)
    by_id = {one.id: one for one in asks}
    for lease in made.grants:
        given_ = by_id[lease.id].wants
        assert (lease.cpu_milli, lease.memory_mib) == (given_.cpu_milli, given_.memory_mib)
        assert len(lease.devices) == given_.devices
    assert all(not fits(by_id[wait.id].wants, MACHINE) for wait in made.impossible)
    turn = sorted(
        (one for one in asks if fits(one.wants, MACHINE)), key=lambda a: (-a.priority, a.order)
    )
    assert [one.id for one in turn] == [*granted(made), *(wait.id for wait in made.waits)]
    assert [wait.position for wait in made.waits] == list(range(1, len(made.waits) + 1))
    assert all(wait.reason for wait in (*made.waits, *made.impossible))
