"""What people read when something typed or sent is wrong."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from appliance.schema import Title, told
from appliance.web import errors, forms
from plugins_builtin.auth_password.specs import NewUserForm
from plugins_builtin.notebooks.specs import NotebookSpec
from tests.lab import registry

STRANGE: tuple[Any, ...] = (
    None, "", "\0", "\udcff", "\n", " x y", "x" * 100_000, "9" * 5000, "nan", -1, 0.5, 10**30, True, [], ["\0"], {},
    {"a b": 1}, {"A": "\0" * 40_000}, [[]],
)  # fmt: skip
MODELS = {
    model.__name__: model
    for resource in registry().api_resources.values()
    for verb in resource.verbs
    for model in (verb.body, verb.query)
    if model is not None
} | {"NewUserForm": NewUserForm, "NotebookSpec": NotebookSpec}


class Sample(BaseModel):
    """A field of each kind."""

    name: Title = "a"
    days: int = Field(default=1, ge=1, le=9)
    word: Annotated[str, StringConstraints(min_length=8), Field()] = "long enough"
    code: Annotated[str, StringConstraints(pattern="^[a-c]+$"), told("Use a, b and c")] = "a"
    bare: Annotated[str, StringConstraints(pattern="^[a-c]+$")] = "a"
    on: bool = False


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "This is needed."),
        ("name", "a\nb", "This must be one line without control characters."),
        ("name", "x" * 101, "This can have 100 characters at most."),
        ("days", "soon", "This must be a whole number."),
        ("days", "0", "This must be 1 or more."),
        ("word", "short", "This must have 8 characters at least."),
        ("code", "d", "Use a, b and c."),
        ("bare", "d", "This has characters that can't be here."),
        ("on", "perhaps", "This must be true or false."),
    ],
)
def test_a_form_and_the_api_say_the_same(field: str, value: str, said: str) -> None:
    assert forms.parse(Sample, {field: value})[1] == {field: said}
    with pytest.raises(ValidationError) as raised:
        Sample.model_validate({field: value})
    found = errors.invalid(raised.value)
    assert found.message == f"{field}: {said[:1].lower()}{said[1:-1]}"


@pytest.mark.parametrize("name", MODELS)
def test_nobody_reads_of_patterns_and_parsers(name: str) -> None:
    model = MODELS[name]
    for field, info in model.model_fields.items():
        for value in STRANGE:
            try:
                model.model_validate({info.alias or field: value})
            except ValidationError as error:
                text = str(errors.invalid(error))
                assert not re.search(r"\bshould\b|[Ii]nput|pars|\^\[", text), (field, value, text)
