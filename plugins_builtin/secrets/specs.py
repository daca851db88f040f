"""What a secret is, and what the API is sent and says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from appliance.schema import Body, Reply, Time, Unseen, told

Scope = Literal["project", "cluster", "team"]
NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}"
SecretName = Annotated[
    str,
    StringConstraints(pattern=rf"^{NAME_PATTERN}$"),
    told(
        "Use letters, digits, _ . and -, at most 128 of them, and begin with a letter, digit or _"
    ),
]
# As long as one variable may be with room to spare; no NUL, which ends a variable.
SecretValue = Annotated[
    str, StringConstraints(min_length=1, max_length=32_768, pattern=r"^[^\x00]+$"), Unseen
]


@dataclass(frozen=True)
class Place:
    """Where a secret belongs. owner_id: of the project or team; CLUSTER's is always the same."""

    scope: Scope
    owner_id: str


CLUSTER = Place("cluster", "cluster")


@dataclass(frozen=True)
class Secret:
    """A row. vault_id: of the value. expires_ms: of an ephemeral one."""

    seq: int
    scope: str
    owner_id: str
    name: str
    vault_id: str
    created_ms: int
    modified_ms: int
    expires_ms: int | None


class SecretBody(Body):
    """POST …/secrets."""

    name: SecretName
    value: SecretValue = Field(repr=False)


class ValueBody(Body):
    """PATCH and PUT …/secrets/{name}."""

    value: SecretValue = Field(repr=False)


class EphemeralBody(SecretBody):
    """POST /secrets/ephemeral. expires_in: seconds, a day at most."""

    expires_in: int = Field(default=3600, ge=1, le=86_400)


class SecretReply(Reply):
    """rest-v1 `Secret`: never its value."""

    name: str
    has_deployment_attached: bool = False
    dt_created: Time
    dt_modified: Time


class SecretWritten(Reply):
    """rest-v1 `SecretWritten`."""

    name: str
    dt_created: Time
    dt_modified: Time


class SecretDeleted(Reply):
    """What is left of it."""

    name: str


class EphemeralReply(Reply):
    """reference: what to write in the place of the value, until then."""

    name: str
    reference: str
    dt_expires: Time
