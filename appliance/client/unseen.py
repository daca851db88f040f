"""Passwords and secrets as options: what stands on a command line, every user of the machine and its history can read."""

from __future__ import annotations

import sys
from pathlib import Path

import click

FORMAT = "password"  # of a field's schema
HELP = "`-` reads a line of standard input, `@FILE` a file (of one line: without its end)."


def value(typed: str | None, label: str) -> str | None:
    """What is meant by an option: asked for without echo when it is missing, or `-`, and somebody is at a terminal.

    None when it is missing and nobody can be asked. click.UsageError when there is nothing to read.
    """
    if typed is None or typed == "-":
        if sys.stdin.isatty():
            asked: str = click.prompt(label, hide_input=True, err=True)
            return asked
        return None if typed is None else _line(label)
    return _content(typed[1:]) if typed.startswith("@") else typed


def _line(label: str) -> str:
    try:
        found = sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError(f"{label}: standard input is no text") from None
    if not found:
        raise click.UsageError(f"{label}: there is no line on standard input")
    return found


def _content(name: str) -> str:
    try:
        with Path(name).open(newline="") as file:
            found = file.read()
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{name} can't be read: {error}") from None
    return found if "\n" in found.rstrip("\r\n") else found.rstrip("\r\n")
