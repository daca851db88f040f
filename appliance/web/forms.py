"""HTML forms as specs: what was typed stays, errors stand beside their field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from appliance.errors import ApplianceError
from appliance.web import words

Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], values: Mapping[str, object]) -> tuple[Model | None, dict[str, str]]:
    """The model, or None and the errors by field name ("" for the form as a whole)."""
    try:
        return model.model_validate(values), {}
    except ValidationError as error:
        return None, {
            ".".join(str(part) for part in item["loc"]): _sentence(item) for item in error.errors()
        }


def _sentence(error: ErrorDetails) -> str:
    text = words.plain(error)
    return f"{text[:1].upper()}{text[1:]}."


def whole(error: ApplianceError) -> dict[str, str]:
    """An error of a service as that of the whole form."""
    return {"": str(error)}
