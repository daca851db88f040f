"""What is wrong with something typed or sent, in words for whoever typed it; the one place that knows pydantic's kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

Limits = Mapping[str, Any]
NEEDED = "this is needed"
# Kind of error -> words; `{}` stands for what is in its context.
PLAIN = {
    "missing": NEEDED,
    "extra_forbidden": "unknown field",
    **dict.fromkeys(("string_type", "string_unicode"), "this must be text"),
    "string_too_long": "this can have {max_length} characters at most",
    "too_long": "this can have {max_length} entries at most",
    "too_short": "this must have {min_length} entries at least",
    "greater_than_equal": "this must be {ge} or more",
    "greater_than": "this must be more than {gt}",
    "less_than_equal": "this must be {le} or less",
    "less_than": "this must be less than {lt}",
    "literal_error": "this must be {expected}",
    "finite_number": "this must be a number",
    "value_error": "{error}",
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
        "this must be a whole number",
    ),
    **dict.fromkeys(("float_type", "float_parsing"), "this must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "this must be true or false"),
    **dict.fromkeys(("list_type", "tuple_type"), "this must be a list"),
    **dict.fromkeys(
        ("dict_type", "model_type", "model_attributes_type", "mapping_type"),
        "this must be an object",
    ),
}


def plain(error: ErrorDetails) -> str:
    """One error, as half a sentence without its end; errors that a model raises itself are words already."""
    limits: Limits = error.get("ctx", {})
    special = _SPECIAL.get(error["type"])
    if special is not None:
        return special(limits)
    text = PLAIN.get(error["type"], "").format_map(limits) or error["msg"]
    return text[:1].lower() + text[1:]


def _too_short(limits: Limits) -> str:
    least = limits["min_length"]
    return NEEDED if least == 1 else f"this must have {least} characters at least"


def _mismatch(limits: Limits) -> str:
    """Of a pattern that says nothing of itself; `schema.told` does that."""
    pattern = str(limits.get("pattern", ""))
    if pattern.startswith(r"^[^\x00-\x1f\x7f]"):
        return "this must be one line without control characters"
    if pattern.startswith(r"^[^\x00]"):
        return "this must not have a NUL in it"
    return "this has characters that can't be here"


_SPECIAL: Mapping[str, Callable[[Limits], str]] = {
    "string_too_short": _too_short,
    "string_pattern_mismatch": _mismatch,
}
