"""A notebook that does what a test says: a hostile user's code inside a real container."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.journeys.client import Door, Person

PROGRAM = (Path(__file__).parent / "puppet_program.py").read_text()


@dataclass
class Puppet:
    """person: who owns it. door: how the person enters it."""

    person: Person
    notebook: str
    door: Door

    def run(self, script: str) -> tuple[int, str]:
        """Execute a shell script inside; exit status and output."""
        return _result(self.door.request("POST", "run", content=script, timeout=120))

    def say(self, script: str) -> str:
        """The output of a script that must succeed."""
        code, output = self.run(script)
        assert code == 0, output
        return output.strip()

    def python(self, program: str, *arguments: str) -> str:
        """The output of a Python program that must succeed."""
        return self.say(shlex.join(["python3", "-c", program, *arguments]))

    def address(self) -> str:
        """Its own on the team's bridge."""
        return self.say("hostname -I").split()[0]

    def serve(self, name: str, html: str, cookies: Sequence[str] = ()) -> str:
        """Put a web page there; its URL for a browser."""
        query = "&".join(f"cookie={quote(cookie)}" for cookie in cookies)
        answer = self.door.request("PUT", f"page/{name}?{query}", content=html)
        assert answer.status_code == 200, answer.text
        return f"http://{self.door.host}/n/{self.notebook}/page/{name}"

    def echo(self, path: str = "echo", **more: Any) -> dict[str, Any]:
        """What arrived inside of a request through the gateway."""
        answer = self.door.request(more.pop("method", "GET"), path, **more)
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        return seen


@dataclass
class BackDoor:
    """The same program, reached from the host past the gateway: stays when the socket is gone."""

    address: str

    def run(self, script: str) -> tuple[int, str]:
        url = f"http://{self.address}:8000/run"
        return _result(httpx.post(url, content=script, timeout=120, trust_env=False))


def _result(answer: httpx.Response) -> tuple[int, str]:
    assert answer.status_code == 200, answer.text
    result = answer.json()
    return result["code"], result["out"]


def start_puppet(person: Person, project: str, name: str = "puppet") -> Puppet:
    """A new notebook on the base image that runs the program; waits until it answers."""
    notebook = person.notebook(
        project,
        name=name,
        container="base",
        command='exec python3 -c "$PROGRAM"',
        environment={"PROGRAM": PROGRAM},
    )
    person.wait(notebook, "running")
    return Puppet(person, notebook, person.enter(notebook))


def end(person: Person, notebook: str) -> None:
    """Stop and delete a notebook in whatever state it is, so that its instance type is free again."""
    person.api("POST", f"/notebooks/{notebook}/stop")
    person.wait(notebook, "stopped", "failed", "error", "canceled")
    person.api("DELETE", f"/notebooks/{notebook}")


def end_all(person: Person) -> None:
    """Every notebook of the person's team."""
    for notebook in person.api("GET", "/notebooks")["items"]:
        end(person, notebook["id"])
