"""A program of a user: an API client with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel
from werkzeug.test import TestResponse

from tests.person import PASSWORD

if TYPE_CHECKING:
    from tests.lab import Lab


class Program:
    """Speaks to the API with a key, or as nobody."""

    def __init__(self, lab: Lab, key: str = "") -> None:
        self.key, self.http = key, lab.app.test_client(use_cookies=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Any request; path from the root."""
        own = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        more = {} if body is None else {"json": body}
        return self.http.open(path, method=method, headers={**own, **headers}, **more)

    def api(self, method: str, path: str, status: int = 200, **fields: Any) -> Any:
        """A call below /v1; its JSON."""
        body = {to_camel(name): value for name, value in fields.items()}
        answer = self.call(method, f"/v1/{path}", body or None)
        assert answer.status_code == status, answer.text
        return answer.json


def signed_in(lab: Lab, handle: str, **fields: Any) -> Program:
    """A program with a new key of somebody who has the usual password."""
    made = Program(lab).api("POST", "auth/login", user=handle, password=PASSWORD, **fields)
    return Program(lab, made["key"])
