"""Configuration files of other programs, made of Jinja templates."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def fill(template: Path, /, **values: object) -> str:
    """The text of a template, which may include others of its folder. UndefinedError for a name without a value."""
    files = Environment(
        loader=FileSystemLoader(template.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return files.get_template(template.name).render(values)
