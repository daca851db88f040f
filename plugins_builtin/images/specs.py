"""What was asked for, and a row as read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import StringConstraints

from appliance.schema import Body, MaybeTime, Reply, Time, told

OwnName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[a-z0-9][a-z0-9-]{0,39}$"),
    told("An image's name has lower-case letters, digits and hyphens, at most 40"),
]
Reference = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^([A-Za-z0-9][A-Za-z0-9._/:@-]{0,254})?$"),
]
Text = Annotated[str, StringConstraints(max_length=65536, pattern=r"^[^\x00]*$")]


@dataclass(frozen=True)
class OwnImage:
    """A team's own image as a row. kind: "pull", "containerfile" or "commit"; source: as in a build."""

    seq: int
    id: str
    team_id: str
    name: str
    kind: str
    source: str
    ref: str
    note: str
    created_by: str
    created_ms: int


class ImageBody(Body):
    """A new image of a team: by reference, or by a Containerfile's text."""

    name: OwnName
    container: Reference = ""
    containerfile: Text = ""


class BuildBody(Body):
    """Build it again. fresh: although it is there, without what earlier builds left."""

    fresh: bool = False


class ImageReply(Reply):
    """An image that notebooks and jobs can start from.

    container: what notebooks say to get it. state: ready, missing, queued, building, failed or canceled.
    """

    id: str
    name: str
    title: str
    description: str
    container: str
    kind: str
    state: str
    step: str | None
    message: str | None
    size_bytes: int | None
    contents: list[str]
    own: bool
    dt_built: MaybeTime


class BuildReply(Reply):
    """One try to make an image."""

    id: str
    image_id: str
    state: str
    step: str | None
    message: str | None
    dt_created: Time
    dt_started: MaybeTime
    dt_finished: MaybeTime


class LocalImageReply(Reply):
    """An image on this machine. used: by a container, whoever made that; kept: for the catalogue or a team."""

    id: str
    names: list[str]
    size_bytes: int
    used: bool
    kept: bool
    message: str | None
    dt_created: Time
