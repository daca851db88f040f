"""Names of machine types at the API."""

from __future__ import annotations

from appliance.context import Context
from appliance.plugins import PEOPLE, ApiResource, Verb
from plugins_builtin.instance_types import service
from plugins_builtin.instance_types.specs import MachineType, MachineTypeBody, MachineTypeReply


def shown(found: MachineType) -> MachineTypeReply:
    return MachineTypeReply(
        name=found.name, instance_type=found.instance_type or None, chosen=found.chosen
    )


def _list(ctx: Context) -> list[MachineTypeReply]:
    return [shown(found) for found in service.machine_types(ctx)]


def _map(ctx: Context, machine_type: str, body: MachineTypeBody) -> MachineTypeReply:
    return shown(service.map_name(ctx, machine_type, body.instance_type))


def _reset(ctx: Context, machine_type: str) -> MachineTypeReply:
    return shown(service.unmap_name(ctx, machine_type))


MACHINE_TYPES = ApiResource(
    "machine_types",
    id_prefix="",
    spec=MachineTypeReply,
    title="Names of machine types",
    words="machine-types",
    columns=("name", "instanceType", "chosen"),
    verbs=(
        Verb(
            "list", "GET", "/machine-types", _list, access="user",
            summary="Machine types of Gradient, and what each is on this machine",
        ),
        Verb(
            "map", "PUT", "/machine-types/{machine_type}", _map, body=MachineTypeBody, access="admin", by=PEOPLE,
            summary="Let a name stand for a type of this machine, or refuse it",
        ),
        Verb(
            "reset", "DELETE", "/machine-types/{machine_type}", _reset, access="admin", by=PEOPLE,
            summary="Back to what a name stands for by itself",
        ),
    ),
)  # fmt: skip
