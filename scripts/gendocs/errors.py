"""docs/errors.md: the errors of the domain and how the API answers them."""

from __future__ import annotations

import inspect

from appliance import errors
from appliance.web.status import CODES, status_of

HEAD = """# Errors

The API answers an error with its status and `{"code": …, "message": …}`, and `issues` where single fields are wrong.
The message says what happened and, behind a colon, the next step. The Python client raises the same classes.

| error | status | code | when |
| --- | --- | --- | --- |
"""


def text() -> str:
    """The whole page."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, errors.ApplianceError)
    ]
    return HEAD + "".join(_row(kind) for kind in kinds if kind is not errors.ApplianceError)


def _row(kind: type[errors.ApplianceError]) -> str:
    status = status_of(kind("x"))
    words = " ".join((kind.__doc__ or "").split())
    return f"| `{kind.__name__}` | {status} | `{CODES[status]}` | {words} |\n"
