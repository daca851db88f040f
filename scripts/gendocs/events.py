"""docs/events.md: every event that the code emits, read from the calls of `emit`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HEAD = """# Events

What happened, in order, written in the transaction that did it. A plugin's `on_event(ctx, event)` is told of each at
least once; a page hears of those of its teams. `event.subject` is the id of what it happened to; `team_id`,
`project_id` and `actor` (a user's id) are set where there is one. `<kind>` is a workload's kind, such as `notebook`;
`<state>` is one of its states.

| event | data | from |
| --- | --- | --- |
"""
COMMON = {"subject", "team_id", "project_id", "actor"}


def text() -> str:
    """The whole page."""
    found = {
        (name, ", ".join(f"`{key}`" for key in data) or "–", path.relative_to(ROOT).as_posix())
        for folder in ("appliance", "plugins_builtin")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, data in _emitted(ast.parse(path.read_text()))
    }
    rows = [f"| `{name}` | {data} | `{path}` |\n" for name, data, path in sorted(found)]
    return HEAD + "".join(rows)


def _emitted(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(name, keys of its data). A name that a function is given is looked up where that function is called."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in _calls(function, "emit"):
            data = tuple(word.arg for word in call.keywords if word.arg and word.arg not in COMMON)
            name = call.args[1]
            parameters = [argument.arg for argument in function.args.args]
            if isinstance(name, ast.Name) and name.id in parameters:
                position = parameters.index(name.id)
                names = [other.args[position] for other in _calls(tree, function.name)]
            else:
                names = [name]
            for one in names:
                yield from ((shown, data) for shown in _names(one))


def _calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def _names(node: ast.expr) -> list[str]:
    """What an expression says: a text, one of two, or a text with gaps."""
    if isinstance(node, ast.IfExp):
        return [*_names(node.body), *_names(node.orelse)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(_part(part) for part in node.values)]
    assert isinstance(node, ast.Constant), f"what is the event {ast.unparse(node)}?"
    return [str(node.value)]


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return f"<{ast.unparse(node)[1:-1].split('.')[-1].strip('{}')}>"
