"""How large things may grow. What is over the aim is printed (`pytest -s`); what is far over fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
SOURCES = [
    path
    for folder in ("appliance", "plugins_builtin")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef

MOST_LINES, MOST_FUNCTION_LINES, AIM_FUNCTION_LINES, MEDIAN_LINES = 400, 60, 50, 10
AIMS = {"plugin.py": 60, "app.py": 150, "hookspecs.py": 300}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def report(title: str, found: list[str]) -> None:
    for line in found:
        print(f"{title}: {line}")


def test_files() -> None:
    report(
        "over its aim",
        [
            f"{name_of(path)} {lines(path)}"
            for path in SOURCES
            if lines(path) > AIMS.get(path.name, MOST_LINES)
        ],
    )
    assert [name_of(path) for path in (*SOURCES, *TESTS) if lines(path) > MOST_LINES] == []


def test_functions() -> None:
    sizes = {
        f"{name_of(path)}:{one.name}": length(one) for path in SOURCES for one in functions(path)
    }
    report(
        "long function",
        [f"{name} {size}" for name, size in sizes.items() if size > AIM_FUNCTION_LINES],
    )
    print(f"median of {len(sizes)} functions: {median(sizes.values())} lines")
    assert [name for name, size in sizes.items() if size > MOST_FUNCTION_LINES] == []
    assert median(sizes.values()) <= MEDIAN_LINES


def test_everything_is_annotated() -> None:
    bare = [
        f"{name_of(path)}:{one.name}"
        for path in SOURCES
        for one in functions(path)
        if one.returns is None
        or any(
            argument.annotation is None
            for argument in (*one.args.posonlyargs, *one.args.args, *one.args.kwonlyargs)
            if argument.arg not in ("self", "cls")
        )
    ]
    assert bare == []


def test_modules_say_what_they_are_for() -> None:
    assert [
        name_of(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))
    ] == []


def test_public_functions_with_more_than_a_few_lines_are_documented() -> None:
    """Printed only: what a good name and types say already needs no sentence."""
    report(
        "no docstring",
        [
            f"{name_of(path)}:{one.name}"
            for path in SOURCES
            for one in ast.parse(path.read_text()).body
            if isinstance(one, Function)
            and not one.name.startswith("_")
            and not one.decorator_list
            and not ast.get_docstring(one)
            and length(one) > 8
        ],
    )
