"""The SDK: `from appliance.client import Client`. Needs nothing of the server.

Names are imported when they are used: the command line reads documents without paying for HTTP.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.client.record import Pages, Record
    from appliance.client.sdk import Client
    from appliance.client.transport import Unreachable

__all__ = ["Client", "Pages", "Record", "Unreachable"]


def __getattr__(name: str) -> Any:
    homes = {"Client": "sdk", "Pages": "record", "Record": "record", "Unreachable": "transport"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{homes[name]}"), name)
