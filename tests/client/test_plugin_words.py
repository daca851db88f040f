"""A resource of somebody else's plugin: in document, program and SDK without a line of theirs for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

import pytest
from pydantic import Field

from appliance import boot
from appliance.app import create_app
from appliance.client import Client
from appliance.context import Context
from appliance.errors import PluginError
from appliance.plugins import ApiResource, Verb
from appliance.schema import Body, Page, PageQuery, Reply
from appliance.web import openapi
from tests.client.served import anybody, served
from tests.lab import Lab


class WidgetBody(Body):
    """Every shape a field can have."""

    name: str
    size: int = 1
    weight: float | None = None
    colour: Literal["red", "green"] = "red"
    is_shiny: bool = False
    labels: dict[str, str] = {}
    tags: list[str] = []
    parts: list[WidgetPart] = []
    class_: str = Field(default="", alias="class")


class WidgetPart(Body):
    """One of several."""

    title: str


class Widget(Reply):
    """All that was sent."""

    id: str
    project_id: str
    given: dict[str, object]


def _create(ctx: Context, project_id: str, body: WidgetBody) -> Widget:
    given = body.model_dump(by_alias=True, exclude_unset=True)
    return Widget(id="wi1", project_id=project_id, given=given)


def _list(ctx: Context, query: PageQuery) -> Page[Widget]:
    return Page([Widget(id="wi1", project_id="pr1", given={})])


WIDGETS = ApiResource(
    "widgets",
    id_prefix="wi",
    spec=Widget,
    title="Widgets",
    words="widgets",
    verbs=(
        Verb("list", "GET", "/widgets", _list, query=PageQuery, summary="All widgets"),
        Verb(
            "new", "POST", "/projects/{project_id}/widgets", _create, body=WidgetBody,
            summary="New widget", words="widgets shiny make-one",
        ),
    ),
)  # fmt: skip


@pytest.fixture
def url(lab: Lab) -> Iterator[str]:
    """A lab with the plugin."""
    known = lab.appliance.registry
    resources = MappingProxyType({**known.api_resources, "widgets": WIDGETS})
    grown = replace(
        known,
        api_resources=resources,
        permissions=MappingProxyType(
            {**known.permissions, "widgets.list": "member", "widgets.new": "member"}
        ),
    )
    lab.appliance = boot.assemble(lab.config, grown, lab.clock)
    lab.app = create_app(lab.appliance)
    with served(lab) as found:
        yield found


def test_the_sdk_has_it(client: Client) -> None:
    made = client.group("widgets").shiny.make_one("pr1", name="a", class_="b", tags=["x"])
    assert made.given == {"name": "a", "class": "b", "tags": ["x"]}
    assert [one.id for one in client.call("widgets list")] == ["wi1"]


def test_the_program_has_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_URL", client.url)
    monkeypatch.setenv("APPLIANCE_API_KEY", vars(client)["_key"])
    assert "wi1" in anybody("widgets", "list").stdout  # the first call learns the words
    assert "Widgets" in anybody("--help").stdout
    words = ["widgets", "shiny", "make-one", "pr1", "--name", "a", "--size", "3", "--weight", "1.5"]
    words += ["--colour", "green", "--shiny", "--labels", "k=v", "--tag", "x", "--tags", "y"]
    words += ["--parts", "[{title: left}]", "--json"]
    assert json.loads(anybody(*words).stdout)["given"] == {
        "name": "a",
        "size": 3,
        "weight": 1.5,
        "colour": "green",
        "isShiny": True,
        "labels": {"k": "v"},
        "tags": ["x", "y"],
        "parts": [{"title": "left"}],
    }
    assert "'x'" in anybody(*words, "--size", "x", status=2).stderr
    assert "neither JSON nor YAML" in anybody(*words, "--parts", "[}", status=2).stderr


@pytest.mark.parametrize("words", ["projects list", "projects list all", "projects"])
def test_words_that_are_taken_are_refused(lab: Lab, words: str) -> None:
    clash = replace(WIDGETS, verbs=(replace(WIDGETS.verbs[0], words=words),))
    resources = [*lab.appliance.registry.api_resources.values(), clash]
    with pytest.raises(PluginError, match="widgets.list can't be called"):
        openapi.document(resources)
