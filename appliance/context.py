"""What a use case needs to know about where it runs and for whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from appliance.clock import Clock
from appliance.config import Config
from appliance.crypto import Keys
from appliance.db import Db

if TYPE_CHECKING:  # the registry's contracts mention Context: a cycle of types only
    from appliance.access import Principal
    from appliance.plugins.registry import Registry


@dataclass(frozen=True)
class Context:
    """Handed to every service function as its first argument. address: where a request came from, "" for none."""

    config: Config
    keys: Keys
    registry: Registry
    clock: Clock
    db: Db
    principal: Principal
    address: str = ""

    def acting_as(self, principal: Principal) -> Context:
        """The same place for somebody else."""
        return replace(self, principal=principal)
