"""Sessions, tickets and gates: how long each is good, and for what."""

from __future__ import annotations

import pytest

from appliance import identity, sessions
from appliance.db import write
from tests.lab import Lab

DAY_S = 24 * 3600
N1, N2 = "n/nabcdefgh", "n/nhgfedcba"


@pytest.fixture
def token(lab: Lab) -> str:
    return start(lab)


def start(lab: Lab) -> str:
    user, team = lab.user("ann"), lab.team("lab")
    with write(lab.db) as db:
        return sessions.start(db, user.id, team.id, "password")


def session_id(lab: Lab, token: str) -> str:
    found = sessions.find(lab.db, token)
    assert found
    return found.digest


def gate_of(lab: Lab, token: str, service: str = N1) -> str:
    session = session_id(lab, token)
    with write(lab.db) as db:
        redeemed = sessions.redeem_ticket(db, sessions.issue_ticket(db, session, service))
    assert redeemed and redeemed[0] == service
    return redeemed[1]


def test_the_token_itself_is_not_stored(lab: Lab, token: str) -> None:
    gate = gate_of(lab, token)
    dump = "\n".join(lab.db.conn.iterdump())
    assert token not in dump and gate not in dump


def test_ends_when_it_is_not_used(lab: Lab, token: str) -> None:
    lab.clock.advance(7 * DAY_S - 1)
    assert sessions.find(lab.db, token)
    lab.clock.advance(7 * DAY_S)
    assert sessions.find(lab.db, token) is None


def test_use_keeps_it_for_a_fortnight_and_no_longer(lab: Lab, token: str) -> None:
    for _ in range(13):
        lab.clock.advance(DAY_S)
        assert sessions.find(lab.db, token)
    lab.clock.advance(DAY_S)
    assert sessions.find(lab.db, token) is None


def test_use_is_noted_once_a_minute(lab: Lab, token: str) -> None:
    before = lab.db.conn.total_changes
    for _ in range(10):
        lab.clock.advance(6)
        sessions.find(lab.db, token)
    assert lab.db.conn.total_changes == before
    lab.clock.advance(1)
    sessions.find(lab.db, token)
    assert lab.db.conn.total_changes == before + 1


@pytest.mark.parametrize("bad", ["", "x", "é" * 43, "\0"])
def test_a_token_of_nobody(lab: Lab, token: str, bad: str) -> None:
    assert sessions.find(lab.db, bad) is None
    assert sessions.find(lab.db, token + bad) is None or bad == ""


def test_dead_ones_are_swept(lab: Lab, token: str) -> None:
    lab.clock.advance(8 * DAY_S)
    start(lab)
    assert len(sessions.of_user(lab.db, lab.user("ann").id)) == 1


def test_a_disabled_user_is_out_at_once(lab: Lab, token: str) -> None:
    gate = gate_of(lab, token)
    identity.set_disabled(lab.db, lab.user("ann").id, True)
    assert sessions.find(lab.db, token) is None
    assert sessions.find_gate(lab.db, gate, N1) is None


def test_a_ticket_is_good_once(lab: Lab, token: str) -> None:
    with write(lab.db) as db:
        ticket = sessions.issue_ticket(db, session_id(lab, token), N1)
    with write(lab.db) as db:
        assert sessions.redeem_ticket(db, ticket)
        assert sessions.redeem_ticket(db, ticket) is None


def test_a_ticket_is_good_for_a_minute(lab: Lab, token: str) -> None:
    with write(lab.db) as db:
        ticket = sessions.issue_ticket(db, session_id(lab, token), N1)
        lab.clock.advance(60.001)
        assert sessions.redeem_ticket(db, ticket) is None


def test_a_gate_opens_its_own_service_only(lab: Lab, token: str) -> None:
    gate = gate_of(lab, token, N1)
    assert sessions.find_gate(lab.db, gate, N1)
    assert sessions.find_gate(lab.db, gate, N2) is None
    assert sessions.find_gate(lab.db, token, N1) is None
    assert sessions.find(lab.db, gate) is None  # nor is it a session of the UI


def test_signing_out_closes_the_gates(lab: Lab, token: str) -> None:
    other = start(lab)
    gate, kept = gate_of(lab, token), gate_of(lab, other)
    with write(lab.db) as db:
        waiting = sessions.issue_ticket(db, session_id(lab, token), N1)
        sessions.end(db, session_id(lab, token))
        assert sessions.redeem_ticket(db, waiting) is None
    assert sessions.find_gate(lab.db, gate, N1) is None
    assert sessions.find_gate(lab.db, kept, N1)
    assert sessions.find(lab.db, other)


def test_a_gate_ends_with_its_session(lab: Lab, token: str) -> None:
    gate = gate_of(lab, token)
    lab.clock.advance(14 * DAY_S)
    assert sessions.find_gate(lab.db, gate, N1) is None


def test_out_everywhere(lab: Lab, token: str) -> None:
    tokens = [token, start(lab), start(lab)]
    user = lab.user("ann")
    with write(lab.db) as db:
        sessions.end_all(db, user.id)
    assert [sessions.find(lab.db, one) for one in tokens] == [None] * 3
