#!/usr/bin/env python3
"""Writes the files that are made from the code; --check only says which of them are stale, and fails then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from appliance.client.document import Document  # noqa: E402  (needs the path above)
from appliance.web import openapi  # noqa: E402
from scripts.gendocs import api, bundle, cli, pages, stub  # noqa: E402


def files() -> Mapping[str, Callable[[], str]]:
    """What makes each file's text, by its path."""
    registry = bundle.registry()
    document = Document(openapi.document(registry.api_resources.values()))
    return {
        "appliance/client/openapi.json": lambda: bundle.text(registry),
        "appliance/client/groups.pyi": lambda: stub.text(document),
        "docs/api.md": lambda: api.text(document),
        "docs/cli.md": lambda: cli.text(document),
        **pages.FILES,
    }


def stale() -> dict[str, str]:
    """The files that are not what the code says, with what they should be."""
    texts = {path: make() for path, make in files().items()}
    return {path: text for path, text in texts.items() if _read(ROOT / path) != text}


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def main(arguments: list[str]) -> int:
    """1 if --check finds something."""
    found = stale()
    for path, text in found.items():
        print(f"{path} is stale" if "--check" in arguments else f"{path} written")
        if "--check" not in arguments:
            (ROOT / path).write_text(text)
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
