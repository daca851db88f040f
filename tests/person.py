"""A researcher at the lab: a browser and an API client in one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel
from werkzeug.test import TestResponse

from appliance import crypto
from appliance.identity import User
from appliance.web import auth

if TYPE_CHECKING:
    from tests.lab import Lab

PASSWORD = "correct horse"


class Thing:
    """Something that the API answered: fields as attributes, in snake case."""

    def __init__(self, path: str, fields: Any) -> None:
        self.path, self.fields = path, fields

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[to_camel(name)]
        except KeyError:
            raise AttributeError(f"{name} is not in {self.fields}") from None


class Person:
    """A browser and an API client in one, with the session's cookie and its CSRF token."""

    def __init__(self, lab: Lab, user: User) -> None:
        self.lab, self.user = lab, user
        self.http = lab.app.test_client()
        self.csrf = ""

    def sign_in(self, password: str = PASSWORD) -> None:
        form = {"user": self.user.handle, "password": password, "next": "/"}
        form["csrf_token"] = csrf_of(self.http.get("/login").text)
        answer = self.http.post("/login/password", data=form)
        assert answer.status_code == 303, answer.text
        self.csrf = csrf_of(self.http.get("/").text)

    def carry(self, token: str) -> None:
        """Have the cookie of a session, as after signing in."""
        name = auth.cookie_name(self.lab.config)
        self.http.set_cookie(name, token, domain="localhost", samesite="Lax", httponly=True)
        self.csrf = self.lab.appliance.keys.mac("csrf", crypto.digest(token))

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        """Any request, with the token; path from the root."""
        headers = {"X-CSRF-Token": self.csrf, **more.pop("headers", {})}
        if body is not None:
            more["json"] = body
        return self.http.open(path, method=method, headers=headers, **more)

    def page(self, path: str, status: int = 200) -> str:
        answer = self.call("GET", path)
        assert answer.status_code == status, answer.text
        return answer.text

    def form(self, path: str, status: int = 303, **fields: str) -> TestResponse:
        """Send a form, as the page does it."""
        answer = self.http.post(path, data={"csrf_token": self.csrf, **fields})
        assert answer.status_code == status, answer.text
        return answer

    def api(self, method: str, path: str, status: int = 200, **fields: Any) -> Any:
        """A call below /v1; its JSON."""
        body = {to_camel(name): value for name, value in fields.items()}
        answer = self.call(method, f"/v1/{path}", None if method == "GET" else body)
        assert answer.status_code == status, answer.text
        return answer.json

    def post(self, path: str, **fields: Any) -> Thing:
        made = self.api("POST", path, **fields)
        return Thing(f"{path}/{made['id']}" if "/" not in path else path, made)

    def get(self, what: Thing | str) -> Thing:
        path = what if isinstance(what, str) else what.path
        return Thing(path, self.api("GET", path))

    def project(self, name: str = "demo") -> str:
        made: str = self.post("projects", name=name).id
        return made

    def notebook(self, project: str = "", **fields: Any) -> Thing:
        """A notebook that was asked to start."""
        given = {"name": "nb", "machine_type": "C1", "project_id": project or self.project()}
        return self.post("notebooks", **{**given, **fields})

    def act(self, what: Thing, verb: str, **fields: Any) -> Thing:
        return self.post(f"{what.path}/{verb}", **fields)

    def session(self, what: Thing) -> Thing:
        """The newest session of a notebook: state, reason, message …"""
        return Thing(what.path, self.api("GET", f"{what.path}/sessions")[0])


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert found, page[:300]
    return found[1]
