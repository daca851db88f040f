"""The words of a document as a tree of commands, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from appliance.client import options
from appliance.client.document import Document, Operation, Words
from appliance.errors import Forbidden

Run = Callable[[Operation, dict[str, Any], dict[str, Any]], None]
Elsewhere = Callable[[Words], click.Command | None]


class Branch(click.Group):
    """A group of words.

    run(operation, values by the API's names, what else was typed) does what a command is for. elsewhere: looks for words
    that the document does not have; it may take long.
    """

    def __init__(
        self, document: Document, words: Words, run: Run, elsewhere: Elsewhere, local: bool = False
    ) -> None:
        super().__init__(words[-1], help=document.title(words))
        self._document, self._words = document, words
        self._run, self._elsewhere, self._local = run, elsewhere, local

    def list_commands(self, ctx: click.Context) -> list[str]:
        local = self._elsewhere(self._words) if self._local else None
        others = local.list_commands(ctx) if isinstance(local, click.Group) else []
        return sorted({*self._document.below(self._words), *others})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        words = (*self._words, cmd_name)
        return command(self._document, words, self._run, self._elsewhere) or self._elsewhere(words)


def command(
    document: Document, words: Words, run: Run, elsewhere: Elsewhere, local: bool = False
) -> click.Command | None:
    """The command or the group at these words, if the document has it. local: whether the group has other words, too."""
    operation = document.operations.get(words)
    if operation is not None:
        return _leaf(operation, run) if operation.takes_keys else _not_for_keys(operation)
    if document.below(words):
        return Branch(document, words, run, elsewhere, local)
    return None


def _not_for_keys(operation: Operation) -> click.Command:
    """In no list; whoever knows the words is told what to do instead."""

    def callback(words: tuple[str, ...]) -> None:
        raise Forbidden(
            f"`{' '.join(operation.words)}` is not for API keys",
            hint="`appliance login` makes a key for this machine; for anything else use the pages",
        )

    return click.Command(
        operation.words[-1],
        callback=callback,
        params=[click.Argument(["words"], nargs=-1)],
        help=f"{operation.summary}. Not for API keys: use the pages, or `appliance login`.",
        hidden=True,
        context_settings={"ignore_unknown_options": True},
    )


def _leaf(operation: Operation, run: Run) -> click.Command:
    def callback(**given: Any) -> None:
        run(operation, options.values(operation, given), given)

    return click.Command(
        operation.words[-1],
        callback=callback,
        params=options.parameters(operation),
        help=operation.summary,
        context_settings={"token_normalize_func": options.normalizer(operation)},
    )
