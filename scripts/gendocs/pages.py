"""The pages in docs/ that are made from hooks, settings, events and errors, by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scripts.gendocs import errors, events, hooks, settings

FILES: Mapping[str, Callable[[], str]] = {
    "docs/hooks.md": hooks.text,
    "docs/events.md": events.text,
    "docs/errors.md": errors.text,
    "docs/settings.md": settings.text,
}
