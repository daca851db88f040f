"""Tokens, and everything that uses the key file.

Tokens that we only compare are stored as SHA-256: they are 256 random bits, so a slow hash would add nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import Invalid


@dataclass(frozen=True)
class Keys:
    """The key of this instance; 32 random bytes that are never in the database."""

    secret: bytes

    def mac(self, purpose: str, text: str) -> str:
        """A keyed digest that only this instance can make, 43 characters of base64url."""
        digest = hmac.new(self.secret, f"{purpose}\0{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def check(self, purpose: str, text: str, given: str) -> bool:
        """Whether `given` is the mac, in constant time."""
        # as bytes: of texts it takes ASCII only, and `given` is whatever somebody sent
        return hmac.compare_digest(self.mac(purpose, text).encode(), given.encode())


def load_keys(path: Path) -> Keys:
    """Read the key file."""
    secret = path.read_bytes()
    if len(secret) < 32:
        raise Invalid(
            f"{path} is damaged: {len(secret)} bytes instead of 32", hint="restore it from a backup"
        )
    return Keys(secret)


def new_token() -> str:
    """256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """How a random token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()
