"""The pages in docs/ that are made from the declarations, by path. `python -m scripts.gendocs.pages` writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.gendocs import errors, events, hooks, settings

ROOT = Path(__file__).resolve().parent.parent.parent
FILES: Mapping[str, Callable[[], str]] = {
    "docs/hooks.md": hooks.text,
    "docs/events.md": events.text,
    "docs/errors.md": errors.text,
    "docs/settings.md": settings.text,
}


def main() -> None:
    """Write them all."""
    for path, text in FILES.items():
        (ROOT / path).write_text(text())


if __name__ == "__main__":
    main()
