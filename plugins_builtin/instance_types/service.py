"""The ladder of CPU sizes."""

from __future__ import annotations

from appliance.errors import Invalid
from appliance.plugins import InstanceType
from appliance.plugins.registry import Registry
from appliance.runtime.scheduler import Capacity
from appliance.runtime.spec import Resources

STEP_MIB = 256


def generate(capacity: Capacity) -> list[InstanceType]:
    """C1, C2, C4, … up to all cores: each core comes with its share of the memory, so that sizes tile the machine."""
    cores = max(capacity.cpu_milli // 1000, 1)
    share_mib = max(capacity.memory_mib // cores // STEP_MIB * STEP_MIB, STEP_MIB)
    sizes = [1 << power for power in range(cores.bit_length())]
    if cores not in sizes:
        sizes.append(cores)
    return [InstanceType(f"C{size}", size * 1000, size * share_mib) for size in sizes]


def find(registry: Registry, name: str) -> InstanceType:
    """The type of this name; Invalid with the names there are."""
    found = registry.instance_types.get(name)
    if found is None:
        names = ", ".join(registry.instance_types)
        raise Invalid(f"there is no instance type {name[:40]!r}", hint=f"choose one of {names}")
    return found


def resources_of(kind: InstanceType) -> Resources:
    """What a container of this type may use. Shared memory: half of the memory, as data loaders need much."""
    return Resources(
        cpu_milli=kind.cpu_milli,
        memory_mib=kind.memory_mib,
        shm_mib=max(kind.memory_mib // 2, 64),
        devices=kind.gpus,
    )
