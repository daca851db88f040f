"""Tokens, and everything that uses the key files.

Tokens that we only compare are stored as SHA-256: they are 256 random bits, so a slow hash would add nothing. What must
be read again is sealed by AES-256-GCM with a key of the ring; what is made of random keys needs no derivation.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.errors import Invalid, Refused

_NONCE_BYTES = 12
_KEY_BYTES = 32


class UnknownKey(Refused):
    """Sealed with a key that is not in the ring (any more)."""


@dataclass(frozen=True)
class KeyRing:
    """The keys that seal values at rest, in a file that is read at each use: a rotation holds in every process at once.

    A line is `<id> <64 hexadecimal digits>`; the first seals, all open.
    """

    path: Path

    def seal(self, purpose: str, text: str) -> tuple[str, bytes]:
        """Id of the key and what to store. It opens for the same purpose only."""
        key_id, key = next(iter(self._keys().items()))
        nonce = os.urandom(_NONCE_BYTES)
        return key_id, nonce + AESGCM(key).encrypt(nonce, text.encode(), purpose.encode())

    def open(self, key_id: str, purpose: str, sealed: bytes) -> str:
        """The text again; UnknownKey, or Refused when it was changed or sealed for something else."""
        key = self._keys().get(key_id)
        if key is None:
            raise UnknownKey(
                f"a sealed value can't be opened: {self.path.name} has no key {key_id}",
                hint="an admin has to add the line of that key from a backup",
            )
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, rest, purpose.encode()).decode()
        except InvalidTag:
            raise Refused(
                "a sealed value is damaged or belongs to something else", hint="set it again"
            ) from None

    def add(self) -> str:
        """A new key, which seals from now on; its id. On disk when this returns."""
        lines = new_key_line(), *self._lines()
        self._write(lines)
        return lines[0].split()[0]

    def retain(self, used: Iterable[str]) -> None:
        """Drop all keys but the first and these. On disk when this returns."""
        first, *others = self._lines()
        wanted = set(used)
        self._write((first, *(line for line in others if line.split()[0] in wanted)))

    def _lines(self) -> list[str]:
        try:
            return [line for line in self.path.read_text().splitlines() if line.strip()]
        except FileNotFoundError:
            raise Refused(f"{self.path} is missing", hint="restore it from a backup") from None

    def _keys(self) -> Mapping[str, bytes]:
        try:
            found = {name: bytes.fromhex(key) for name, key in map(str.split, self._lines())}
        except ValueError:
            found = {}
        if not found or any(len(key) != _KEY_BYTES for key in found.values()):
            raise Refused(f"{self.path} is damaged", hint="restore it from a backup")
        return found

    def _write(self, lines: Iterable[str]) -> None:
        """In one step, with the owner and mode that it has."""
        now, part = self.path.stat(), self.path.with_suffix(".part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fchown(descriptor, now.st_uid, now.st_gid)
            os.fchmod(descriptor, now.st_mode & 0o777)
            os.fsync(descriptor)
        part.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def new_key_line() -> str:
    """A line for the ring."""
    return f"{secrets.token_hex(4)} {secrets.token_hex(_KEY_BYTES)}"


@dataclass(frozen=True)
class Keys:
    """What only this instance knows, none of it in the database. secret: 32 random bytes."""

    secret: bytes
    ring: KeyRing

    def mac(self, purpose: str, text: str) -> str:
        """A keyed digest that only this instance can make, 43 characters of base64url."""
        digest = hmac.new(self.secret, f"{purpose}\0{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def check(self, purpose: str, text: str, given: str) -> bool:
        """Whether `given` is the mac, in constant time."""
        # as bytes: of texts it takes ASCII only, and `given` is whatever somebody sent
        return hmac.compare_digest(self.mac(purpose, text).encode(), given.encode())


def load_keys(path: Path, ring: Path) -> Keys:
    """Read the key file; the ring is read when it is needed."""
    secret = path.read_bytes()
    if len(secret) < _KEY_BYTES:
        raise Invalid(
            f"{path} is damaged: {len(secret)} bytes instead of 32", hint="restore it from a backup"
        )
    return Keys(secret, KeyRing(ring))


def new_token() -> str:
    """256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """How a random token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()
