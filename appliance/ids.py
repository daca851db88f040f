"""Identifiers shaped like Gradient's: a short prefix, then lower-case letters and digits."""

from __future__ import annotations

import re
import secrets

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

# Lengths as seen in the hosted product, prefix included.
LENGTHS = {"pr": 9, "n": 9, "mo": 15, "ds": 15, "cl": 9, "te": 9, "us": 9, "w": 13, "ak": 11}

_ID = re.compile(r"[a-z][a-z0-9]{3,31}")


def new_id(prefix: str) -> str:
    """A fresh random id, for example `pr4k2m9xq`; at least 35 bits of chance behind the prefix."""
    length = LENGTHS.get(prefix, 15)
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(length - len(prefix)))


def is_id(text: str) -> bool:
    """Whether the text is safe as a path component, a label, a host name and a container name."""
    return _ID.fullmatch(text) is not None
