"""What the API says of names of machine types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from appliance.schema import Body, Reply, told

NAME = r"^[A-Za-z0-9][A-Za-z0-9+._-]{0,39}$"
TypeName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=NAME),
    told("Use letters, digits, + . _ and -, at most 40 of them"),
]


@dataclass(frozen=True)
class MachineType:
    """A name that is none of this machine's types. instance_type: what it stands for, "" = refused.

    chosen: an admin said so.
    """

    name: str
    instance_type: str
    chosen: bool


class MachineTypeBody(Body):
    """PUT /machine-types/{name}."""

    instance_type: str = Field(
        default="", max_length=40, description="a type of this machine; empty refuses the name"
    )


class MachineTypeReply(Reply):
    """A name and what it stands for here. instance_type: null where it is refused."""

    name: str
    instance_type: str | None
    chosen: bool
