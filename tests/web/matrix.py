"""Who calls what in the authorisation matrix: principals with each kind of credential, and things to call upon."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from werkzeug.test import TestResponse

from appliance import api_keys, identity
from appliance.db import write
from appliance.identity import ROLES, User
from appliance.plugins import verdicts
from appliance.plugins.contracts import ApiResource, Verb
from appliance.plugins.verdicts import Verdict
from appliance.runtime.limits import CPU_OVERCOMMIT
from appliance.web.openapi import path_names
from plugins_builtin.images import service as images
from plugins_builtin.secrets import service as secrets
from plugins_builtin.secrets.specs import CLUSTER, Place
from tests.lab import Lab, Person
from tests.web.bodies import BODIES, QUERIES, REGISTRY


def installed(lab: Lab, name: str) -> str:
    """The name of a third-party plugin that did not fit."""
    with write(lab.db) as db:
        verdicts.note(db, Verdict(name, "package ghost", "1", "Ghost", "seen", "it has no INFO"))
    return name


@dataclass(frozen=True)
class Caller:
    """Somebody with a credential, or without. role: in the team whose things are called upon, "" for strangers.

    own: a workload's token of the project that is called upon. things: instead of the team's, what is the caller's alone.
    """

    name: str
    by: str = ""
    role: str = ""
    appliance_admin: bool = False
    own: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    person: Person | None = None
    things: dict[str, str] = field(default_factory=dict)

    def call(self, lab: Lab, method: str, path: str, body: Any = None) -> TestResponse:
        """One request; only sessions have cookies."""
        if self.person is not None:
            return self.person.call(method, path, body)
        return lab.app.test_client().open(path, method=method, json=body, headers=self.headers)


class World:
    """A team `lab` with a project, a notebook and a secret; callers of all kinds; and a database that can be put back."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.owner = lab.person("owner", role="owner")
        self.values = self._things()
        self.callers = [self._with_key(caller) for caller in self._callers()]
        self._snapshot = sqlite3.connect(":memory:")
        lab.db.conn.backup(self._snapshot)

    def _things(self) -> dict[str, str]:
        """A value of the team `lab` for each name that may stand in a path."""
        notebook = self.owner.notebook(name="nb")
        self.lab.settle()
        self.owner.call("POST", f"/v1/notebooks/{notebook.id}/runs", {"path": "a.ipynb"})
        self.owner.api("POST", f"projects/{notebook.project_id}/tags", name="tag")
        image = self.owner.api("POST", "images", name="img", container="docker.io/library/x:1")
        self.owner.api("POST", f"{notebook.path}/tags", name="tag")
        other = self.lab.user("other", role="member")
        return {
            "notebook_id": notebook.id,
            "run_number": "1",
            "project_id": notebook.project_id,
            "team_id": self.lab.team("lab").id,
            "user_id": other.id,
            "cluster_id": "clabcdefg",
            "name": self._secrets("A_SECRET", notebook.project_id),
            "registry_id": self.owner.post("container-registries", **{**REGISTRY, "name": "r0"}).id,
            "plugin": installed(self.lab, "ghost"),
            "setting": CPU_OVERCOMMIT.key,
            "machine_type": "P4000",
            "image_id": image["id"],
            "build_id": self._build(image["id"]),
            "local_image_id": self.lab.backend.local_images()[0].id,
            "member_key_id": self._key(other, "lab")[0],
        }

    def _build(self, image: str) -> str:
        """The id of its newest build."""
        build = images.get(self.lab.acting("owner"), image).build
        assert build is not None
        return build.id

    def _secrets(self, name: str, project_id: str) -> str:
        """A secret of this name in each place that can have one."""
        places = (Place("project", project_id), Place("team", self.lab.team("lab").id), CLUSTER)
        for place in places:
            secrets.create(self.lab.system, place, name, "a-value")
        return name

    def _callers(self) -> Iterator[Caller]:
        lab, project = self.lab, self.values["project_id"]
        yield Caller("nobody")
        for role in ROLES:
            person = self.owner if role == "owner" else lab.person(f"the-{role}", role=role)
            yield Caller(f"{role}, session", "session", role, person=person)
            yield self._program(f"{role}, key", person.user, "lab", role)
            yield self._program(f"{role}, key of another team", person.user, "third", "")
            yield self._workload(f"{role}'s workload", person, project, role, own=True)
            elsewhere = person.project(f"another of {role}")
            yield self._workload(f"{role}'s workload elsewhere", person, elsewhere, role, own=False)
        eve = lab.person("eve", team="other", role="owner")
        yield Caller("other team's owner, session", "session", "", person=eve)
        yield self._program("other team's owner, key", eve.user, "other", "")
        root = lab.person("root", team="other", role="owner", admin=True)
        yield Caller(
            "admin of the appliance, session", "session", "", appliance_admin=True, person=root
        )
        yield self._workload("other team's workload", eve, eve.project(), "", own=False)

    def _key(self, user: User, team: str) -> tuple[str, str]:
        """The id of a new key of somebody in a team, who may join for it, and its text."""
        group = self.lab.team(team)
        with write(self.lab.db) as db:
            if identity.role_in(db, group.id, user.id) is None:
                identity.set_member(db, group.id, user.id, "owner")
            key, text = api_keys.add(db, user.id, group.id, "a program", None)
        return key.id, text

    def _program(self, name: str, user: User, team: str, role: str) -> Caller:
        key_id, text = self._key(user, team)
        headers = {"Authorization": f"Bearer {text}"}
        return Caller(name, "key", role, headers=headers, things={"key_id": key_id})

    def _with_key(self, caller: Caller) -> Caller:
        """Whoever has a session has a key, too; it stands for those of others with callers that can have none."""
        user = caller.person.user if caller.person else None
        if caller.things or user is None:
            return replace(caller, things=caller.things or {"key_id": self.values["member_key_id"]})
        team, *_ = identity.teams_of(self.lab.db, user.id)
        return replace(caller, things={"key_id": self._key(user, team.namespace)[0]})

    def _workload(self, name: str, person: Person, project: str, role: str, own: bool) -> Caller:
        notebook = person.notebook(project)
        headers = {"Authorization": f"Bearer {self.lab.token(notebook)}"}
        return Caller(name, "workload", role, own=own, headers=headers)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """What a call did to the database is gone afterwards."""
        try:
            yield
        finally:
            self._snapshot.backup(self.lab.db.conn)

    def request(
        self, resource: ApiResource, verb: Verb, caller: Caller
    ) -> tuple[str, str, dict[str, Any] | None]:
        """Method, path and body that would work for the owner. KeyError: a path's parameter or a body without a value."""
        name = f"{resource.name}.{verb.name}"
        path, values = "/v1" + verb.path, {**self.values, **caller.things}
        for parameter in path_names(verb):
            path = path.replace("{" + parameter + "}", values[parameter])
        body: dict[str, Any] | None = None
        if verb.body is not None:
            template = BODIES.get(name, {})
            body = {key: self.values.get(str(value)[1:], value) for key, value in template.items()}
            verb.body.model_validate(body)  # a new verb needs a line in BODIES
        elif verb.method not in ("GET", "DELETE"):
            body = {}
        return verb.method, path + QUERIES.get(name, ""), body
