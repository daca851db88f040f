"""The search: everybody finds what is theirs, and one plugin's bug leaves what the others find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import pytest

from appliance.errors import NotFound
from appliance.plugins import Hit, Searchable
from tests.lab import Lab, Person


def titles(person: Person, text: str) -> list[str]:
    return [hit["title"] for hit in person.api("GET", f"search?q={text}")]


def test_by_a_part_of_the_name_in_any_case(lab: Lab, ann: Person) -> None:
    project = ann.project("Protein folding")
    ann.notebook(project, name="fold all")
    assert titles(ann, "FOLD") == ["Protein folding", "fold all"]
    page = ann.page("/search?q=fold")
    assert f'href="/projects/{project}"' in page and 'value="fold"' in page
    assert "fold all" in ann.page("/search/box?q=fold") and "<html" not in ann.page(
        "/search/box?q=fold"
    )


def test_only_ones_own_team(lab: Lab, ann: Person) -> None:
    ann.notebook(ann.project("Secret plan"), name="secret book")
    eve = lab.person("eve", team="other")
    assert titles(eve, "secret") == []
    assert "Nothing found" in eve.page("/search?q=secret")


def test_wildcards_are_letters(ann: Person) -> None:
    ann.project("plain")
    assert titles(ann, "%25") == [] and titles(ann, "pl_in") == []


def test_what_is_typed_is_text(ann: Person) -> None:
    page = ann.page("/search?q=<script>x</script>")
    assert "<script>x" not in page


def test_nothing_typed_finds_nothing(ann: Person) -> None:
    ann.project("x")
    assert ann.page("/search/box?q=+").strip() == ""
    assert ann.api("GET", "search?q=", 400)["code"] == "BAD_REQUEST"


def test_people_of_the_team_and_for_an_admin_all(lab: Lab, ann: Person) -> None:
    lab.user("zoe", team="other")
    lab.user("zack")
    assert titles(ann, "z") == ["zack"]
    root = lab.person("root", admin=True)
    assert titles(root, "z") == ["zack", "zoe"]
    assert (
        titles(root, "overcommit") == ["scheduler.cpu_overcommit"]
        and titles(ann, "overcommit") == []
    )


def searching(lab: Lab, find: Callable[[object, str, int], list[Hit]]) -> Person:
    """Ann, where a plugin finds things in this way."""
    found = lab.appliance.registry
    more = {"bad": Searchable("bad", find), **found.searchables}
    lab.appliance = replace(
        lab.appliance, registry=replace(found, searchables=MappingProxyType(more))
    )
    lab.__dict__.pop("app", None)
    return lab.person("ann")


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example",
        "/\\evil.example",
        "\t//evil.example",
        "https://e.example",
        "javascript:x",
        "",
    ],
)
def test_what_is_found_is_here(lab: Lab, url: str) -> None:
    ann = searching(lab, lambda *_: [Hit("away", url, "x"), Hit("at home", "/projects", "x")])
    assert "away" not in (found := titles(ann, "e")) and "at home" in found


def test_to_find_nothing_is_no_failure(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    def gone(*_: object) -> list[Hit]:
        raise NotFound("no such team")

    assert "Could not search" not in searching(lab, gone).page("/search?q=x")
    assert not caplog.records


def test_one_that_fails_leaves_the_others(lab: Lab) -> None:
    def bad(*_: object) -> list[Hit]:
        raise ZeroDivisionError

    ann = searching(lab, bad)
    ann.project("here")
    page = ann.page("/search?q=here")
    assert "Could not search: bad." in page and ">here<" in page
