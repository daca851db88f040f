"""Addresses that two blueprints claim: Flask would let the first one win without a word."""

from __future__ import annotations

import re

from flask import Flask

from appliance.errors import PluginError


def check(app: Flask) -> None:
    """PluginError names the address and both endpoints."""
    seen: dict[tuple[str, str], str] = {}
    for rule in app.url_map.iter_rules():
        address = re.sub(r"<(?:\w+(?:\([^)]*\))?:)?\w+>", "<>", rule.rule)
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            other = seen.setdefault((address, method), rule.endpoint)
            if other != rule.endpoint:
                raise PluginError(f"{other} and {rule.endpoint} are both {method} {rule.rule}")
