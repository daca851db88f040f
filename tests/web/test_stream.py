"""Open pages: who hears what, and nothing twice or never."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from appliance import events, identity
from appliance.db import write
from appliance.runtime import logs
from appliance.runtime.tokens import workload_token
from appliance.web import stream
from appliance.web.stream import create_stream
from tests.lab import Lab, Person, Thing

LONG_S = 5  # only a test that fails waits for it


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks often, and leaves no greenlet behind that looks at a lab that is gone."""
    for name in ("LOOK_S", "LOG_LOOK_S"):
        monkeypatch.setattr(stream, name, 0.005)
    yield
    gevent.killall([found for found in gc.get_objects() if isinstance(found, gevent.Greenlet)])


class Tab:
    """An open page of somebody."""

    def __init__(self, app: Any, person: Person, query: str = "", last: str = "") -> None:
        cookie = person.http.get_cookie("appliance_session")
        headers = {"Cookie": f"appliance_session={cookie.value}"} if cookie else {}
        if last:
            headers["Last-Event-ID"] = last
        self.answer: TestResponse = Client(app, use_cookies=False).get(
            f"/stream{query}", headers=headers
        )
        self.status = self.answer.status_code
        self._chunks: Iterator[bytes] = iter(self.answer.response)  # type: ignore[arg-type]
        if self.status == 200:
            assert next(self._chunks) == b"retry: 1000\n\n"
        self.last = last

    def next(self) -> tuple[str, Any]:
        """The next message: its name and data."""
        with gevent.Timeout(LONG_S):
            fields = dict(
                line.split(": ", 1) for line in next(self._chunks).decode().strip().split("\n")
            )
        self.last = fields["id"]
        return fields["event"], json.loads(fields["data"])

    def ends(self) -> bool:
        """Whether nothing more comes, signs of life apart."""
        with gevent.Timeout(LONG_S):
            return all(chunk.startswith(b":") for chunk in self._chunks)

    def close(self) -> None:
        self.answer.close()


@pytest.fixture
def app(lab: Lab) -> Any:
    return create_stream(lab.appliance)


def say(
    lab: Lab, subject: str, team: str = "lab", name: str = "notebook.running", **more: Any
) -> None:
    team_id = lab.team(team).id
    with write(lab.db) as db:
        events.emit(db, name, subject=subject, team_id=team_id, **more)


def changed(subject: str, name: str = "notebook.running") -> tuple[str, Any]:
    return "changed", {"subject": subject, "name": name}


def test_a_team_hears_its_own_and_no_other(lab: Lab, app: Any, ann: Person) -> None:
    eve = lab.person("eve", team="other")
    hers, his = Tab(app, ann), Tab(app, eve)
    say(lab, "nours")
    say(lab, "ntheirs", team="other")
    say(lab, "nlast")
    assert [hers.next(), hers.next()] == [changed("nours"), changed("nlast")]
    assert his.next() == changed("ntheirs")


def test_the_past_is_not_told_to_a_new_page(lab: Lab, app: Any, ann: Person) -> None:
    say(lab, "nold")
    tab = Tab(app, ann)
    say(lab, "nnew")
    assert tab.next() == changed("nnew")


def test_a_page_that_comes_back_misses_nothing(lab: Lab, app: Any, ann: Person) -> None:
    tab = Tab(app, ann)
    say(lab, "n1")
    assert tab.next() == changed("n1")
    tab.close()
    say(lab, "n2")
    say(lab, "nhidden", team="other")
    say(lab, "n3")
    again = Tab(app, ann, last=tab.last)
    assert [again.next(), again.next()] == [changed("n2"), changed("n3")]
    say(lab, "n4")
    assert again.next() == changed("n4")


def test_a_long_absence_too(
    lab: Lab, app: Any, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_BEHIND", 3)
    tab = Tab(app, ann)
    say(lab, "n0")
    tab.next()
    tab.close()
    for number in range(1, 9):
        say(lab, f"n{number}")
    again = Tab(app, ann, last=tab.last)
    assert [again.next() for _ in range(8)] == [changed(f"n{number}") for number in range(1, 9)]


def test_a_burst_is_told_to_its_end(lab: Lab, app: Any, ann: Person) -> None:
    tab = Tab(app, ann)
    team_id = lab.team("lab").id
    with write(lab.db) as db:
        for number in range(450):
            events.emit(db, "notebook.running", subject=f"n{number}", team_id=team_id)
    assert [tab.next()[1]["subject"] for _ in range(450)] == [f"n{number}" for number in range(450)]


def test_lists_hear_of_what_comes_and_goes(lab: Lab, app: Any, ann: Person) -> None:
    tab = Tab(app, ann)
    say(lab, "n1", name="notebook.created", project_id="p1")
    assert tab.next() == changed("n1", "notebook.created")
    assert tab.next() == changed("p1", "notebook.created")


@pytest.mark.parametrize("last", ["x", "5.", ".7", "²", "9" * 30, "1.²", "-1", "1.2.3"])
def test_an_id_that_is_none(lab: Lab, app: Any, ann: Person, last: str) -> None:
    tab = Tab(app, ann, last=last)
    assert tab.status == 200


def test_nobody(lab: Lab, app: Any, ann: Person) -> None:
    ann.form("/logout")
    assert Tab(app, ann).status == 401


def test_signing_out_ends_it(
    lab: Lab, app: Any, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "REVIEW_S", 0.01)
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.03)
    tab = Tab(app, ann)
    ann.form("/logout")
    assert tab.ends()


class TestLogs:
    @pytest.fixture
    def notebook(self, lab: Lab, ann: Person) -> Thing:
        made = ann.notebook()
        lab.settle()
        return made

    @staticmethod
    def write(lab: Lab, notebook: Thing, *lines: str) -> None:
        directory = lab.config.paths.logs / lab.workload(notebook).id
        with (directory / "raw.log").open("a") as raw:
            raw.writelines(f"2026-01-01T00:00:00.000000000Z stdout F {line}\n" for line in lines)
        while logs.copy(directory, []):
            pass

    def test_goes_on_where_it_was(self, lab: Lab, app: Any, ann: Person, notebook: Thing) -> None:
        workload = lab.workload(notebook).id
        self.write(lab, notebook, "one")
        tab = Tab(app, ann, f"?log={workload}")
        name, first = tab.next()
        assert name == "log" and first["workload"] == workload and first["offset"] == 0
        assert first["text"].endswith("Z one\n")
        tab.close()
        self.write(lab, notebook, "two")
        again = Tab(app, ann, f"?log={workload}", last=tab.last)
        _, second = again.next()
        assert second["offset"] == first["end"] and second["text"].endswith("Z two\n")

    def test_characters_stay_whole(
        self, lab: Lab, app: Any, ann: Person, notebook: Thing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "LOG_CHUNK_BYTES", 7)
        self.write(lab, notebook, "é€𝄞" * 10)
        tab = Tab(app, ann, f"?log={lab.workload(notebook).id}")
        text, at = "", 0
        while not text.endswith("\n"):
            _, data = tab.next()
            assert data["offset"] == at and data["end"] == at + len(data["text"].encode())
            text, at = text + data["text"], data["end"]
        assert text.endswith(" " + "é€𝄞" * 10 + "\n")

    def test_of_another_team(self, lab: Lab, app: Any, notebook: Thing) -> None:
        eve = lab.person("eve", team="other")
        answers = [
            Tab(app, eve, f"?log={one}").answer for one in (lab.workload(notebook).id, "wnothere")
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].data == answers[1].data

    def test_who_left_the_team_reads_no_further(
        self, lab: Lab, app: Any, ann: Person, notebook: Thing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "REVIEW_S", 0.01)
        lab.user("ann", "other")  # still somewhere, so the session itself stays
        self.write(lab, notebook, "before")
        tab = Tab(app, ann, f"?log={lab.workload(notebook).id}")
        tab.next()
        identity.remove_member(lab.db, lab.team("lab").id, ann.user.id)
        assert tab.ends()


@given(st.text(min_size=1), st.integers(1, 40))
def test_a_cut_never_falls_into_a_character(text: str, at: int) -> None:
    data = text.encode()[:at]
    keep = stream._whole_characters(data)
    assert 0 < keep <= len(data)
    if keep < len(data) or at >= len(text.encode()):
        data[:keep].decode()


@given(st.binary(min_size=1))
def test_what_is_no_text_goes_on_too(data: bytes) -> None:
    assert 0 < stream._whole_characters(data) <= len(data)


def test_what_is_of_no_team_is_for_admins(lab: Lab, ann: Person) -> None:
    root = lab.person("root", admin=True)
    app = create_stream(lab.appliance)
    tabs = [Tab(app, person) for person in (root, ann)]
    for team_id in (None, lab.team("lab").id):
        with write(lab.db) as db:
            events.emit(db, "user.changed", subject=str(team_id), team_id=team_id)
    heard = [tab.next()[1]["subject"] for tab in tabs]
    assert heard == ["None", lab.team("lab").id]


class TestByKey:
    """A program that listens with an API key."""

    def listen(self, app: Any, key: str) -> TestResponse:
        headers = {"Authorization": f"Bearer {key}"}
        return Client(app, use_cookies=False).get("/stream?last_event_id=0.0", headers=headers)

    def test_hears_its_own_team_until_it_is_revoked(
        self, lab: Lab, ann: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "REVIEW_S", 0.0)
        lab.user("ann", "other")
        key = ann.post("api-keys", name="watch")
        mine, other = lab.team("lab").id, lab.team("other").id
        for team in (other, mine):
            with write(lab.db) as db:
                events.emit(db, "x.y", subject=f"in {team}", team_id=team)
        answer = self.listen(create_stream(lab.appliance), key.key)
        assert answer.status_code == 200
        chunks = iter(answer.response)
        with gevent.Timeout(LONG_S):
            heard = [next(chunks), next(chunks), next(chunks)]
        assert b"api_key.created" in heard[1] and f"in {mine}".encode() in heard[2]  # type: ignore[operator]
        ann.api("DELETE", f"api-keys/{key.id}")
        with gevent.Timeout(LONG_S):
            rest = list(chunks)
        assert not [one for one in rest if other.encode() in one]  # type: ignore[operator]

    def test_wrong_keys_and_workloads_hear_nothing(self, lab: Lab, ann: Person) -> None:
        notebook = ann.notebook()
        lab.settle()
        token = workload_token(lab.appliance.keys, lab.workload(notebook).id)
        app = create_stream(lab.appliance)
        assert [self.listen(app, key).status_code for key in ("wrong", token)] == [401, 403]
