"""The ladder of CPU sizes, and which type a name means."""

from __future__ import annotations

import re
from collections.abc import Mapping

from appliance.access import require_admin, require_user
from appliance.context import Context
from appliance.db import write
from appliance.errors import Conflict, Invalid, Refused
from appliance.events import emit
from appliance.plugins import InstanceType
from appliance.runtime.scheduler import Capacity
from appliance.runtime.spec import Resources
from plugins_builtin.instance_types import names, store
from plugins_builtin.instance_types.specs import NAME, MachineType

STEP_MIB = 256


def generate(capacity: Capacity) -> list[InstanceType]:
    """C1, C2, C4, … up to all cores: each core comes with its share of the memory, so that sizes tile the machine."""
    cores = max(capacity.cpu_milli // 1000, 1)
    share_mib = max(capacity.memory_mib // cores // STEP_MIB * STEP_MIB, STEP_MIB)
    sizes = [1 << power for power in range(cores.bit_length())]
    if cores not in sizes:
        sizes.append(cores)
    return [InstanceType(f"C{size}", size * 1000, size * share_mib) for size in sizes]


def find(ctx: Context, name: str) -> InstanceType:
    """The type of this name: one of this machine, what an admin mapped it to, or Gradient's by size.

    Refused for a name of Gradient's without a counterpart here, Invalid for any other.
    """
    types = ctx.registry.instance_types
    own = _own(types, name)
    if own is not None:
        return own
    chosen = store.chosen(ctx.db, name)
    if chosen is not None and chosen in types:
        return types[chosen]
    found = names.counterpart(types.values(), name) if chosen is None else None
    if found is not None:
        return found
    here = ", ".join(types)
    if chosen is not None or names.is_known(name):
        raise Refused(
            f"{name} has no counterpart here",
            hint=f"the types here are {here}; an admin can map it",
        )
    raise Invalid(f"there is no instance type {name[:40]!r}", hint=f"choose one of {here}")


def _own(types: Mapping[str, InstanceType], name: str) -> InstanceType | None:
    return next((kind for kind in types.values() if kind.name.lower() == name.lower()), None)


def machine_types(ctx: Context) -> list[MachineType]:
    """Every name that stands for a type of this machine or is refused: Gradient's and those of admins."""
    require_user(ctx)
    chosen = store.all_names(ctx.db)
    known = {name.lower(): name for name in (*chosen, *names.KNOWN)}
    return [
        machine_type(ctx, name)
        for name in known.values()
        if _own(ctx.registry.instance_types, name) is None
    ]


def machine_type(ctx: Context, name: str) -> MachineType:
    """What one name stands for."""
    try:
        found = find(ctx, name).name
    except (Refused, Invalid):
        found = ""
    return MachineType(name, found, chosen=store.chosen(ctx.db, name) is not None)


def map_name(ctx: Context, name: str, instance_type: str) -> MachineType:
    """Let a name stand for a type of this machine from now on, "" = refuse it. What runs stays as it is."""
    require_admin(ctx)
    types = ctx.registry.instance_types
    if not re.fullmatch(NAME, name):
        raise Invalid(f"{name[:60]!r} can't be a machine type", hint="use letters, digits and +._-")
    if _own(types, name) is not None:
        raise Conflict(f"{name} is a type of this machine", hint="choose it by its own name")
    if instance_type and instance_type not in types:
        raise Invalid(
            f"there is no instance type {instance_type[:40]!r}",
            hint=f"choose one of {', '.join(types)}",
        )
    with write(ctx.db) as db:
        store.put(db, name, instance_type)
        emit(db, "machine_type.changed", subject=name, actor=ctx.principal.user_id)
    return machine_type(ctx, name)


def unmap_name(ctx: Context, name: str) -> MachineType:
    """Back to what the name stands for by itself. Repeatable."""
    require_admin(ctx)
    with write(ctx.db) as db:
        store.remove(db, name)
        emit(db, "machine_type.changed", subject=name, actor=ctx.principal.user_id)
    return machine_type(ctx, name)


def resources_of(kind: InstanceType) -> Resources:
    """What a container of this type may use. Shared memory: half of the memory, as data loaders need much."""
    return Resources(
        cpu_milli=kind.cpu_milli,
        memory_mib=kind.memory_mib,
        shm_mib=max(kind.memory_mib // 2, 64),
        devices=kind.gpus,
    )
