"""What the forms ask."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

from appliance.schema import told

Word = StringConstraints(strip_whitespace=True, min_length=1, max_length=100)


class NewUserForm(BaseModel):
    """A new user. team: its namespace."""

    name: Annotated[str, Word]
    email: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"),
        told("This must be an e-mail address"),
    ]
    team: Annotated[str, Word]
    role: Literal["member", "admin", "owner"]
