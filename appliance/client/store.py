"""What the client keeps on disk: the login, and copies of servers' documents.

$XDG_CONFIG_HOME/appliance/config.json holds URL and key, readable by its owner alone;
$XDG_CACHE_HOME/appliance/<hash of url>.json a document, which may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance.client.document import Document
from appliance.errors import Invalid, Unauthenticated

BUNDLE = Path(__file__).with_name("openapi.json")


@dataclass(frozen=True)
class Login:
    """Which appliance, and by which key; "" = none. key_id: its name at the API, "" = not known."""

    url: str
    key: str = ""
    key_id: str = ""


def tidy(url: str) -> str:
    """A URL as one writes it in one way. Invalid unless it begins with http:// or https://."""
    found = url.strip().rstrip("/").removesuffix("/v1").rstrip("/")
    if not found.lower().startswith(("http://", "https://")):
        raise Invalid(f"{url!r} is no URL", hint="it looks like http://127.0.0.1:8080")
    return found


def login(url: str | None = None, key: str | None = None) -> Login:
    """Arguments, else APPLIANCE_URL and APPLIANCE_API_KEY, else what `appliance login` kept.

    A kept key goes to the server that gave it and to no other. Unauthenticated when no server is known.
    """
    kept = kept_login()
    wanted = url or os.environ.get("APPLIANCE_URL") or (kept.url if kept else "")
    if not wanted:
        raise Unauthenticated(
            "not signed in",
            hint="run `appliance login URL`, or set APPLIANCE_URL and APPLIANCE_API_KEY",
        )
    found = tidy(wanted)
    given = (key or os.environ.get("APPLIANCE_API_KEY", "")).strip()
    if given or kept is None or kept.url != found:
        return Login(found, given)
    return kept


def kept_login() -> Login | None:
    """What `appliance login` kept; None when nobody is signed in, or the file is not ours."""
    found = _read(_login_path()) or {}
    names = ("url", "key", "key_id")
    if not all(isinstance(found.get(name), str) for name in names):
        return None
    return Login(*(found[name] for name in names))


def keep_login(found: Login) -> Path:
    """Write the login file, for its owner only."""
    path = _login_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(path, json.dumps(asdict(found)))
    return path


def forget_login() -> bool:
    """Remove the login file; whether there was one."""
    try:
        _login_path().unlink()
    except FileNotFoundError:
        return False
    return True


def known_document() -> Document:
    """The newest document at hand, without asking anybody: the copy of one's server, else the builtin one."""
    try:
        return document_of(login().url)
    except (Invalid, Unauthenticated):
        return bundled()


def document_of(url: str) -> Document:
    """The copy of this server's document, else the builtin one."""
    found = _read(_document_path(url))
    if found and isinstance(found.get("version"), str) and isinstance(found.get("document"), dict):
        return Document(found["document"], found["version"])
    return bundled()


def keep_document(url: str, document: Document) -> None:
    """Remember a server's document. A home that can't be written to costs time, nothing else."""
    path = _document_path(url)
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, json.dumps({"version": document.version, "document": document.raw}))


def bundled() -> Document:
    """The document of the builtin plugins of this version."""
    found = json.loads(BUNDLE.read_text())
    return Document(found["document"], found["version"])


def bundled_admin() -> Mapping[str, str]:
    """Admin commands of the builtin plugins: word -> what it is for. They need the server's part of the package."""
    found: Mapping[str, str] = json.loads(BUNDLE.read_text())["admin"]
    return found


def _login_path() -> Path:
    return _home("XDG_CONFIG_HOME", ".config") / "config.json"


def _document_path(url: str) -> Path:
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    return _home("XDG_CACHE_HOME", ".cache") / f"{name}.json"


def _home(variable: str, default: str) -> Path:
    given = os.environ.get(variable, "")
    base = Path(given) if os.path.isabs(given) else Path(os.path.expanduser("~")) / default
    return base / "appliance"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _replace(path: Path, text: str) -> None:
    """Atomically, with mode 0600 from the first byte on."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(name, path)
