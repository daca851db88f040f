"""What nginx asks: who may go to users' code."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from appliance import identity
from appliance.runtime import workloads
from appliance.runtime.tokens import workload_token
from tests.lab import Lab, Person, Thing


class Gateway:
    """Asks as nginx does, for a visitor with a gate cookie or none."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.http = lab, lab.app.test_client(use_cookies=False)

    def ask(self, path: str, service: str = "", **headers: str) -> TestResponse:
        sent = {"X-Appliance-Via": "gateway", "X-Service": service, **headers}
        return self.http.get(f"/internal/{path}", headers=sent)

    def status(self, notebook: Thing, **headers: str) -> int:
        return self.ask("authorize", f"n/{notebook.id}", **headers).status_code

    def enter(self, person: Person, notebook: Thing) -> TestResponse:
        """Through the Open button: ticket, redirect, cookie."""
        opened = person.call("GET", f"/open/n/{notebook.id}")
        assert opened.status_code == 303, opened.text
        ticket = parse_qs(urlsplit(opened.headers["Location"]).query)["ticket"][0]
        return self.ask(f"enter?ticket={ticket}")

    def carry(self, entered: TestResponse) -> dict[str, str]:
        cookie = entered.headers["Set-Cookie"].partition(";")[0]
        return {"Cookie": cookie}


@pytest.fixture
def gateway(lab: Lab) -> Gateway:
    return Gateway(lab)


@pytest.fixture
def notebook(lab: Lab, ann: Person) -> Thing:
    made = ann.notebook()
    lab.settle()
    return made


def test_only_nginx_may_ask(lab: Lab, gateway: Gateway, ann: Person, notebook: Thing) -> None:
    gate = gateway.carry(gateway.enter(ann, notebook))
    for via in ("ui", "workload", "", "Gateway"):
        for path in ("authorize", "enter", "starting"):
            headers = {**gate, "X-Appliance-Via": via, "X-Service": f"n/{notebook.id}"}
            answer = lab.app.test_client().get(f"/internal/{path}", headers=headers)
            assert answer.status_code == 404, (via, path)


def test_the_way_in(lab: Lab, gateway: Gateway, ann: Person, notebook: Thing) -> None:
    entered = gateway.enter(ann, notebook)
    assert entered.status_code == 303 and entered.headers["Location"] == f"/n/{notebook.id}/"
    assert entered.headers["Referrer-Policy"] == "no-referrer"
    cookie = entered.headers["Set-Cookie"]
    assert f"Path=/n/{notebook.id}/" in cookie and "HttpOnly" in cookie and "Domain" not in cookie
    answer = gateway.ask("authorize", f"n/{notebook.id}", **gateway.carry(entered))
    assert answer.status_code == 200
    route = workloads.route_to(lab.db, "n", notebook.id)
    assert route is not None and route.workload_id == lab.workload(notebook).id
    assert answer.headers["X-Upstream"] == route.upstream != "unix:/nonexistent:"
    assert answer.headers["X-User"] == "ann"


@pytest.mark.parametrize(
    "given",
    ["https://evil.org/", "//evil.org", "/n/nother/", "/\t/evil.org", "/n/{id}\n", "/login"],
)
def test_it_leads_nowhere_else(gateway: Gateway, ann: Person, notebook: Thing, given: str) -> None:
    location = ann.call("GET", f"/open/n/{notebook.id}").headers["Location"]
    ticket = parse_qs(urlsplit(location).query)["ticket"][0]
    sent = {"X-Appliance-Via": "gateway"}
    query = {"ticket": ticket, "next": given.format(id=notebook.id)}
    answer = gateway.http.get("/internal/enter", headers=sent, query_string=query)
    assert answer.headers["Location"] == f"/n/{notebook.id}/"


def test_nobody_gets_in(lab: Lab, gateway: Gateway, ann: Person, notebook: Thing) -> None:
    assert gateway.status(notebook) == 401
    session = ann.http.get_cookie("appliance_session")
    assert session is not None
    for cookie in (
        "gate=",
        "gate=x",
        f"gate={session.value}",
        f"appliance_session={session.value}",
    ):
        assert gateway.status(notebook, Cookie=cookie) == 401


def test_a_ticket_opens_once_and_in_time(
    lab: Lab, gateway: Gateway, ann: Person, notebook: Thing
) -> None:
    def ticket() -> str:
        location = ann.call("GET", f"/open/n/{notebook.id}").headers["Location"]
        return f"enter?ticket={parse_qs(urlsplit(location).query)['ticket'][0]}"

    used, late = ticket(), ticket()
    assert gateway.ask(used).status_code == 303
    assert gateway.ask(used).status_code == 401
    lab.clock.advance(61)
    assert gateway.ask(late).status_code == 401


def test_a_gate_is_for_one_notebook(
    gateway: Gateway, ann: Person, lab: Lab, notebook: Thing
) -> None:
    other = ann.notebook(notebook.project_id, name="other")
    lab.settle()
    gate = gateway.carry(gateway.enter(ann, notebook))
    assert gateway.status(notebook, **gate) == 200
    assert gateway.status(other, **gate) == 401


def test_other_teams_get_no_ticket(lab: Lab, notebook: Thing) -> None:
    eve = lab.person("eve", team="other", role="owner", admin=True)
    assert eve.call("GET", f"/open/n/{notebook.id}").status_code == 404
    assert eve.call("GET", "/open/n/nnotthere").status_code == 404
    assert eve.call("GET", f"/open/x/{notebook.id}").status_code == 404


def test_losing_membership_closes_the_door(
    lab: Lab, gateway: Gateway, ann: Person, notebook: Thing
) -> None:
    gate = gateway.carry(gateway.enter(ann, notebook))
    identity.remove_member(lab.db, lab.team("lab").id, ann.user.id)
    assert gateway.status(notebook, **gate) == 404


def test_signing_out_and_being_disabled_close_it(
    lab: Lab, gateway: Gateway, ann: Person, notebook: Thing
) -> None:
    bob = lab.person("bob")
    anns, bobs = (gateway.carry(gateway.enter(one, notebook)) for one in (ann, bob))
    ann.form("/logout")
    assert gateway.status(notebook, **anns) == 401
    assert gateway.status(notebook, **bobs) == 200
    identity.set_disabled(lab.db, bob.user.id, True)
    assert gateway.status(notebook, **bobs) == 401


def test_a_workload_goes_where_its_project_is(
    lab: Lab, gateway: Gateway, ann: Person, notebook: Thing
) -> None:
    same, other = ann.notebook(notebook.project_id, name="same"), ann.notebook(name="other")
    lab.settle()
    token = workload_token(lab.appliance.keys, lab.workload(notebook).id)
    headers = {"Authorization": f"token {token}"}
    assert gateway.status(same, **headers) == 200
    assert gateway.status(other, **headers) == 404
    assert gateway.status(same, Authorization="Bearer wrong") == 401


def test_while_nothing_runs_there_is_no_upstream(
    lab: Lab, gateway: Gateway, ann: Person, notebook: Thing
) -> None:
    gate = gateway.carry(gateway.enter(ann, notebook))
    ann.act(notebook, "stop")
    lab.settle()
    answer = gateway.ask("authorize", f"n/{notebook.id}", **gate)
    assert answer.status_code == 200 and answer.headers["X-Upstream"] == "unix:/nonexistent:"
    page = gateway.ask("starting", f"n/{notebook.id}", Accept="text/html")
    assert page.status_code == 503 and "stopped" in page.text and "refresh" not in page.text
    ann.act(notebook, "start")
    page = gateway.ask("starting", f"n/{notebook.id}", Accept="text/html")
    assert 'http-equiv="refresh"' in page.text and page.headers["Retry-After"] == "1"
    told = gateway.ask("starting", f"n/{notebook.id}", Accept="application/json")
    assert told.status_code == 503 and set(told.json or {}) == {"code", "message"}


@pytest.mark.parametrize("service", ["", "n", "n/", "/", "n/a/b", "n/../x", "x/nabc"])
def test_addresses_that_are_none(
    gateway: Gateway, ann: Person, notebook: Thing, service: str
) -> None:
    gate = gateway.carry(gateway.enter(ann, notebook))
    answer = gateway.ask("authorize", service, **gate)
    assert answer.status_code in (401, 404) and "X-Upstream" not in answer.headers
