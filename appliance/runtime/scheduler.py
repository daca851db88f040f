"""Who starts now and who waits, decided by a pure function: same input, same answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.runtime.spec import Resources


@dataclass(frozen=True)
class Capacity:
    """What the machine has to give. devices: names, each held by one workload at most."""

    cpu_milli: int
    memory_mib: int
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ask:
    """A workload in the queue. order: the earlier the smaller. label: how people know it."""

    id: str
    wants: Resources
    order: int
    priority: int = 0
    label: str = ""


@dataclass(frozen=True)
class Lease:
    """What a started workload holds until it ended."""

    id: str
    cpu_milli: int
    memory_mib: int
    devices: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Wait:
    """position: 1 is next."""

    id: str
    position: int
    reason: str


@dataclass(frozen=True)
class Plan:
    grants: tuple[Lease, ...]
    waits: tuple[Wait, ...]
    impossible: tuple[Wait, ...]


def fits(wants: Resources, capacity: Capacity) -> bool:
    """Whether an otherwise empty machine could run this."""
    return (
        wants.cpu_milli <= capacity.cpu_milli
        and wants.memory_mib <= capacity.memory_mib
        and wants.devices <= len(capacity.devices)
    )


def plan(asks: Sequence[Ask], leases: Sequence[Lease], capacity: Capacity) -> Plan:
    """Hand out in order of priority, then of arrival. Nobody overtakes the first who waits, so nobody starves."""
    held = list(leases)
    grants: list[Lease] = []
    waits: list[Wait] = []
    impossible: list[Wait] = []
    for ask in sorted(asks, key=lambda a: (-a.priority, a.order)):
        if not fits(ask.wants, capacity):
            impossible.append(
                Wait(ask.id, 0, f"needs {_need(ask.wants)}; this machine has {_has(capacity)}")
            )
            continue
        lease = None if waits else _place(ask, held, capacity)
        if lease is None:
            waits.append(Wait(ask.id, len(waits) + 1, _reason(ask, held, capacity, bool(waits))))
        else:
            held.append(lease)
            grants.append(lease)
    return Plan(tuple(grants), tuple(waits), tuple(impossible))


def _place(ask: Ask, held: Sequence[Lease], capacity: Capacity) -> Lease | None:
    free = _free(held, capacity)
    if not fits(ask.wants, free):
        return None
    return Lease(
        ask.id,
        ask.wants.cpu_milli,
        ask.wants.memory_mib,
        free.devices[: ask.wants.devices],
        ask.label,
    )


def _free(held: Sequence[Lease], capacity: Capacity) -> Capacity:
    taken = {device for lease in held for device in lease.devices}
    return Capacity(
        capacity.cpu_milli - sum(lease.cpu_milli for lease in held),
        capacity.memory_mib - sum(lease.memory_mib for lease in held),
        tuple(device for device in capacity.devices if device not in taken),
    )


def _reason(ask: Ask, held: Sequence[Lease], capacity: Capacity, behind: bool) -> str:
    free = _free(held, capacity)
    if behind and fits(ask.wants, free):
        return f"needs {_need(ask.wants)}; waits behind an earlier one"
    users = ", ".join(lease.label or lease.id for lease in held[:3])
    more = f" and {len(held) - 3} more" if len(held) > 3 else ""
    return f"needs {_need(ask.wants)}; free: {_has(free)}; in use by {users or 'nobody'}{more}"


def _need(wants: Resources) -> str:
    gpus = f", {wants.devices} GPU" if wants.devices else ""
    return f"{wants.cpu_milli / 1000:g} CPU, {wants.memory_mib / 1024:.1f} GiB{gpus}"


def _has(capacity: Capacity) -> str:
    gpus = f", {len(capacity.devices)} GPU" if capacity.devices else ""
    return f"{max(capacity.cpu_milli, 0) / 1000:g} CPU, {max(capacity.memory_mib, 0) / 1024:.1f} GiB{gpus}"
