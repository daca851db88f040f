"""What a registry is, and what the API is sent and says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from appliance.plugins import Setting
from appliance.runtime.spec import PlainText
from appliance.schema import Body, Reply, Time, Title, Unseen, told

Kind = Literal["other", "dockerhub", "gcr", "ghcr", "digitalocean", "azure"]
DOCKER_HUB = "docker.io"
HUB_API = "registry-1.docker.io"
_HUB_NAMES = {DOCKER_HUB, HUB_API, "index.docker.io", "hub.docker.com", "registry.hub.docker.com"}
_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?")


LOOPBACK = Setting(
    "container_registries.loopback",
    bool,
    False,
    "Whether a registry may be at an address of the appliance's own machine, such as localhost, when its sign-in is tried",
)


def _checked_url(text: str) -> str:
    """The URL if it is that of a registry: a host with or without scheme, and no credentials in it."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc.lower()):
        raise PydanticCustomError(
            "registry_url", "This must be the address of a registry, like https://ghcr.io"
        )
    return text


Url = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_checked_url)
]
Namespace = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=200, pattern=r"^([a-z0-9._-]+(/[a-z0-9._-]+)*)?$"
    ),
    told("A namespace looks like lab or lab/tools: small letters, digits, . _ and -"),
]


@dataclass(frozen=True)
class Registry:
    """A row. password: as `refs.keep` gave it, never a password."""

    seq: int
    id: str
    team_id: str
    name: str
    namespace: str
    url: str
    username: str
    password: str
    kind: Kind
    created_ms: int
    modified_ms: int

    @property
    def host(self) -> str:
        """As it stands at the beginning of an image's name."""
        name = urlsplit(self.address).netloc.lower()
        return DOCKER_HUB if name in _HUB_NAMES else name

    @property
    def address(self) -> str:
        """Scheme and host that answer for it."""
        parts = urlsplit(self.url if "://" in self.url else f"https://{self.url}")
        host = HUB_API if parts.netloc.lower() in _HUB_NAMES else parts.netloc
        return f"{parts.scheme}://{host}"

    def holds(self, image: str) -> bool:
        """Whether an image is named as one of this registry and namespace."""
        host, path = split_image(image)
        return host == self.host and (not self.namespace or path.startswith(f"{self.namespace}/"))


def split_image(image: str) -> tuple[str, str]:
    """Host and path of an image's name: what has no host is Docker Hub's."""
    first, slash, rest = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return (DOCKER_HUB if first in _HUB_NAMES else first.lower()), rest
    return DOCKER_HUB, image if slash else f"library/{image}"


class RegistryBody(Body):
    """POST /container-registries. password: the password itself, or `secret:NAME`."""

    name: Title
    namespace: Namespace = ""
    url: Url
    username: Annotated[str, PlainText]
    password: Annotated[str, PlainText, Unseen] = Field(repr=False)
    kind: Kind = "other"


class RegistryChange(Body):
    """PUT /container-registries/{id}: what is not given stays."""

    name: Title | None = None
    namespace: Namespace | None = None
    url: Url | None = None
    username: Annotated[str, PlainText] | None = None
    password: Annotated[str, PlainText, Unseen] | None = Field(default=None, repr=False)
    kind: Kind | None = None


class RegistryReply(Reply):
    """rest-v1 `ContainerRegistry`: never its password."""

    id: str
    name: str
    namespace: str
    url: str
    username: str
    kind: Kind
    dt_created: Time
    dt_modified: Time


class Tested(Reply):
    """Whether signing in worked. error: why not."""

    success: bool
    error: str = ""
