"""Every route there is, made from the url map: for a member, for a stranger, for nobody."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.routing import Rule

from appliance import api_keys
from appliance.db import write
from appliance.runtime import tasks
from appliance.runtime.limits import CPU_OVERCOMMIT
from plugins_builtin.container_registries import store as registries
from plugins_builtin.container_registries.specs import RegistryBody
from plugins_builtin.images import service as images
from plugins_builtin.images.specs import ImageBody
from plugins_builtin.secrets import service as secrets
from plugins_builtin.secrets.specs import CLUSTER, Place
from tests.lab import Lab, Person, Thing, registry
from tests.web.bodies import BODIES, QUERIES, REGISTRY
from tests.web.matrix import files_served, installed

OPEN = {
    "/login",
    "/static/<path:filename>",
    "/v1/auth/login",
    "/v1/auth/session",
    "/v1/health",
    "/v1/openapi.json",
}
TAKES_ANYBODY = {"/", "/projects", "/images", "/cluster", "/team", "/docs/api"}
FOR_ADMINS = {
    "/v1" + verb.path.replace("{", "<").replace("}", ">")
    for resource in registry().api_resources.values()
    for verb in resource.verbs
    if verb.access == "admin" and verb.method == "GET"
}
NEEDS_MORE = {
    "/v1/search": {"q": "a"},
    "/notebooks/<notebook_id>/files/download": {"path": "a.txt"},
}


def urls(lab: Lab, notebook: Thing, method: str, api: bool) -> list[tuple[Rule, str]]:
    """Routes of the UI or of the API with this method, filled in."""
    ann, team = lab.user("ann"), lab.team("lab")
    with write(lab.db) as db:
        key, _ = api_keys.add(db, ann.id, team.id, "anns secret name", None)
    image = lab.acting("ann")
    made = images.images(image)[-1]
    if not made.own:
        made = images.create(image, ImageBody(name="annssecret", container="docker.io/library/x:1"))
    values = {
        "image_id": made.id,
        "build_id": made.build.id if made.build else "",
        "local_image_id": lab.backend.local_images()[0].id,
        "key_id": key.id,
        "machine_type": "P4000",
        "member_key_id": key.id,
        "notebook_id": notebook.id,
        "project_id": notebook.project_id,
        "workload_id": lab.workload(notebook).id,
        "team_id": team.id,
        "user_id": ann.id,
        "kind": "n",
        "target": notebook.id,
        "provider": "password",
        "scope": "team",
        "cluster_id": "clabcdefg",
        "name": "A_SECRET",
        "registry_id": registry_of(lab),
        "plugin": installed(lab, "ghost"),
        "setting": CPU_OVERCOMMIT.key,
        "switch": "on",
        "listener": "ghost",
        "event_id": "1",
    }
    found = []
    for rule in lab.app.url_map.iter_rules():
        if rule.rule.startswith("/internal/") or rule.rule.startswith("/v1/") != api:
            continue
        if method in (rule.methods or ()) and rule.rule not in OPEN:
            path = rule.rule
            for name in rule.arguments:
                path = path.replace(f"<{name}>", values[name])
            found.append((rule, path))
    assert found
    return found


def registry_of(lab: Lab) -> str:
    """The id of the registry that the team has."""
    (found,) = registries.of_team(lab.db, lab.team("lab").id)
    return found.id


@pytest.fixture
def notebook(lab: Lab, ann: Person) -> Thing:
    """One that ran, so that each of its pages has something to show."""
    made = ann.notebook(name="anns secret name")
    lab.settle()
    places = (Place("project", made.project_id), Place("team", lab.team("lab").id), CLUSTER)
    for place in places:
        secrets.create(lab.system, place, "A_SECRET", "a-value")
    with write(lab.db) as db:
        body = RegistryBody.model_validate(REGISTRY)
        registries.insert(db, "crabcdefg", lab.team("lab").id, body, "secret:A_SECRET")
    return made


def test_a_member_sees_every_page(lab: Lab, ann: Person, notebook: Thing) -> None:
    (lab.config.paths.notebooks / notebook.id / "a.txt").write_text("hello")
    with files_served(lab):
        for rule, path in urls(lab, notebook, "GET", api=False):
            answer = ann.http.get(path, query_string=NEEDS_MORE.get(rule.rule, {}))
            redirects = rule.rule in ("/projects/<project_id>", "/open/<kind>/<target>")
            expected = (303,) if redirects else (200, 204)
            if path.startswith("/admin/"):
                expected = (403,)
            assert answer.status_code in expected, (path, answer.text)


def test_an_admin_sees_every_page_of_admins(lab: Lab, notebook: Thing) -> None:
    root = lab.person("root", admin=True)
    for _, path in urls(lab, notebook, "GET", api=False):
        if path.startswith("/admin/"):
            root.page(path)


def test_an_owner_sees_every_answer(lab: Lab, ann: Person, notebook: Thing) -> None:
    boss = lab.person("boss", role="owner")
    for rule, path in urls(lab, notebook, "GET", api=True):
        answer = boss.http.get(path, query_string=NEEDS_MORE.get(rule.rule, {}))
        assert answer.status_code == (403 if rule.rule in FOR_ADMINS else 200), path


def test_nobody_is_asked_to_sign_in_and_comes_back(lab: Lab, notebook: Thing) -> None:
    client = lab.app.test_client()
    for _, path in urls(lab, notebook, "GET", api=False):
        answer = client.get(path)
        assert answer.status_code == 303, (path, answer.status_code)
        assert answer.headers["Location"] == f"/login?next={path}", path


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_programs_have_no_pages(lab: Lab, ann: Person, notebook: Thing, method: str) -> None:
    """What a key or a workload's token may do, the API says verb by verb: a form must not be a way around."""
    tokens = ann.post("api-keys", name="k").key, lab.token(notebook)
    client = lab.app.test_client()
    for _, path in urls(lab, notebook, method, api=False):
        for token in tokens:
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.open(path, method=method, headers=headers, data={"name": "x"})
            assert answer.status_code == 403, (method, path, answer.text)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_nobody_gets_401_from_the_api(lab: Lab, notebook: Thing, method: str) -> None:
    client = lab.app.test_client()
    headers = {"X-CSRF-Token": lab.appliance.keys.mac("csrf", "")}
    for rule, path in urls(lab, notebook, method, api=True):
        answer = client.open(path, method=method, json=_body(rule, notebook), headers=headers)
        assert answer.status_code == 401, (method, path, answer.text)


def _body(rule: Rule, notebook: Thing) -> dict[str, Any]:
    """One that passes the parser, so that the answer is about permission."""
    body = BODIES.get(rule.endpoint.removeprefix("api.").replace(":", "."), {})
    return {**body, "projectId": notebook.project_id} if "projectId" in body else body


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("api", [True, False])
def test_another_team_finds_nothing(
    lab: Lab, ann: Person, notebook: Thing, method: str, api: bool
) -> None:
    eve = lab.person("eve", team="other", role="owner", admin=True)
    if not api and method in ("PUT", "DELETE"):
        return
    for rule, path in urls(lab, notebook, method, api):
        body = _body(rule, notebook)
        things = {
            "notebook_id",
            "project_id",
            "team_id",
            "target",
            "key_id",
            "registry_id",
            "image_id",
        }
        own = not rule.arguments & things
        if own and (method == "GET" or "projectId" not in body):
            if method == "GET":
                assert "anns secret name" not in eve.call("GET", path).text, path
            continue
        query = QUERIES.get(rule.endpoint.removeprefix("api.").replace(":", "."), "")
        if api:
            answer = eve.call(method, path + query, body if method != "GET" else None)
        else:
            answer = eve.call(
                method, path, data={"name": "x", "instance_type": "C1", "image": "notebook"}
            )
        assert answer.status_code == 404, (method, path, answer.text)
        assert "anns secret name" not in answer.text
    assert ann.get(notebook).state == "Running" and len(ann.get("projects").items) == 1


@pytest.mark.parametrize("path", ["notebooks/{}", "projects/{}", "projects/{}/notebooks"])
def test_another_team_can_not_tell_what_is_from_what_is_not(
    lab: Lab, notebook: Thing, path: str
) -> None:
    eve = lab.person("eve", team="other")
    there = notebook.id if path.startswith("notebooks") else notebook.project_id
    answers = [eve.api("GET", path.format(one), 404) for one in (there, there[:-1] + "0")]
    assert answers[0] == answers[1]


def test_somebody_elses_log_under_ones_own_notebook(lab: Lab, notebook: Thing) -> None:
    eve = lab.person("eve", team="other")
    own = eve.notebook()
    foreign = lab.workload(notebook).id
    assert eve.call("GET", f"/notebooks/{own.id}/log/{foreign}").status_code == 404
    assert eve.call("GET", f"/notebooks/{own.id}/log/wnothere").status_code == 404


def test_a_member_who_leaves_is_out_at_once(lab: Lab, notebook: Thing) -> None:
    bob, boss = lab.person("bob"), lab.person("boss", role="owner")
    assert bob.get(notebook).name == "anns secret name"
    boss.api("DELETE", f"teams/{lab.team('lab').id}/users/{bob.user.id}")
    assert bob.call("GET", f"/v1/{notebook.path}").status_code == 404
    assert bob.call("GET", f"/notebooks/{notebook.id}").status_code == 404


def test_a_member_who_leaves_works_in_another_team(lab: Lab) -> None:
    bob, boss = lab.person("bob"), lab.person("boss", role="owner")
    lab.user("bob", team="other")
    boss.api("DELETE", f"teams/{lab.team('lab').id}/users/{bob.user.id}")
    assert bob.api("GET", "auth/session")["team"]["namespace"] == "other"
    assert bob.project("theirs") in bob.page("/projects")


class TestRoles:
    """What a member of a team may do to the team."""

    @pytest.mark.parametrize("whom", ["owner", "admin", "member"])
    def test_a_member_changes_nobodys_role(self, lab: Lab, ann: Person, whom: str) -> None:
        other = lab.user("other", role=whom)  # type: ignore[arg-type]
        path = f"teams/{lab.team('lab').id}/users/{other.id}"
        ann.api("PUT", path, 403, is_admin=True)
        ann.api("DELETE", path, 403)

    def test_an_admin_does_and_the_last_owner_stays(self, lab: Lab) -> None:
        boss, bob = lab.person("boss", role="owner"), lab.user("bob")
        path = f"teams/{lab.team('lab').id}/users/{{}}"
        assert boss.api("PUT", path.format(bob.id), is_admin=True)["isAdmin"]
        assert boss.api("PUT", path.format(boss.user.id), is_admin=False)["isOwner"]
        boss.api("DELETE", path.format(boss.user.id), 412)
        boss.api("DELETE", path.format(bob.id))
        boss.api("DELETE", path.format(bob.id), 404)


def test_nobody_waits_for_files_of_another_team(lab: Lab, notebook: Thing) -> None:
    eve = lab.person("eve", team="other")
    eve.page(f"/notebooks/{notebook.id}/files", 404)
    assert tasks.waiting(lab.db) == []
