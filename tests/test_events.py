"""Events: written with what they tell, delivered in order, at least once, and never in the way of the next."""

from __future__ import annotations

import pytest

from appliance import events
from appliance.db import Db, write
from appliance.events import Event
from tests.lab import Lab


class Listener:
    """Remembers what it heard; fails for names in `refuses`."""

    def __init__(self, *refuses: str) -> None:
        self.refuses = set(refuses)
        self.heard: list[str] = []

    def __call__(self, event: Event) -> None:
        self.heard.append(event.name)
        if event.name in self.refuses:
            raise ValueError(f"not {event.name}")


def tell(db: Db, *names: str) -> None:
    with write(db):
        for name in names:
            events.emit(db, name, subject="s", team_id="t", extra=1)


def deliver(lab: Lab, listener: Listener, name: str = "ears") -> int:
    return events.deliver(lab.db, [(name, listener)])


def test_in_order_and_once(lab: Lab) -> None:
    ears = Listener()
    deliver(lab, ears)
    tell(lab.db, "a.1", "a.2", "a.3")
    assert deliver(lab, ears) == 3
    assert deliver(lab, ears) == 0
    assert ears.heard == ["a.1", "a.2", "a.3"]


def test_a_new_listener_hears_only_what_comes(lab: Lab) -> None:
    tell(lab.db, "a.old")
    ears = Listener()
    assert deliver(lab, ears) == 0
    tell(lab.db, "a.new")
    deliver(lab, ears)
    assert ears.heard == ["a.new"]


def test_an_event_of_a_transaction_that_failed_never_was(lab: Lab) -> None:
    ears = Listener()
    deliver(lab, ears)
    with pytest.raises(KeyError):
        with write(lab.db) as db:
            events.emit(db, "a.lie", subject="s")
            raise KeyError
    assert deliver(lab, ears) == 0 and ears.heard == []


def test_failures_wait_longer_each_time_and_are_parked_then(lab: Lab) -> None:
    ears = Listener("a.bad")
    deliver(lab, ears)
    tell(lab.db, "a.bad", "a.good")
    deliver(lab, ears)
    assert ears.heard == ["a.bad"]
    for pause_ms in events.RETRY_AFTER_MS:
        assert deliver(lab, ears) == 0  # not before its time, and nothing overtakes it
        before = len(ears.heard)
        lab.clock.advance(pause_ms / 1000 - 0.001)
        deliver(lab, ears)
        assert len(ears.heard) == before
        lab.clock.advance(0.001)
        deliver(lab, ears)
    assert ears.heard == ["a.bad"] * events.MAX_TRIES + ["a.good"]
    (parked,) = events.parked(lab.db)
    assert (parked["listener"], parked["name"]) == ("ears", "a.bad")
    assert parked["error"] == "ValueError: not a.bad"


def test_the_pauses_grow() -> None:
    assert list(events.RETRY_AFTER_MS) == sorted(set(events.RETRY_AFTER_MS))


def test_a_listener_that_recovers_misses_nothing(lab: Lab) -> None:
    ears = Listener("a.bad")
    deliver(lab, ears)
    tell(lab.db, "a.bad", "a.good")
    deliver(lab, ears)
    ears.refuses.clear()
    lab.clock.advance(60)
    assert deliver(lab, ears) == 2
    assert events.parked(lab.db) == []


def test_a_deaf_listener_does_not_hold_up_another(lab: Lab) -> None:
    deaf, ears = Listener("a.x"), Listener()
    both: list[tuple[str, events.Listener]] = [("deaf", deaf), ("ears", ears)]
    events.deliver(lab.db, both)
    tell(lab.db, "a.x", "a.y")
    events.deliver(lab.db, both)
    assert ears.heard == ["a.x", "a.y"]


def test_killed_while_it_told_tells_again(lab: Lab) -> None:
    class Killed(BaseException):
        pass

    heard: list[str] = []

    def dies(event: Event) -> None:
        heard.append(event.name)
        if heard.count("a.2") == 1 and event.name == "a.2":
            raise Killed

    events.deliver(lab.db, [("ears", dies)])
    tell(lab.db, "a.1", "a.2", "a.3")
    with pytest.raises(Killed):
        events.deliver(lab.db, [("ears", dies)])
    lab.restart()
    events.deliver(lab.db, [("ears", dies)])
    assert heard == ["a.1", "a.2", "a.2", "a.3"]


def test_delivery_wakes_nobody(lab: Lab) -> None:
    """Else every delivery would wake the worker for the next one, for ever."""
    ears = Listener()
    deliver(lab, ears)
    tell(lab.db, "a.1")
    before = lab.config.paths.wake.stat().st_mtime_ns
    deliver(lab, ears)
    assert lab.config.paths.wake.stat().st_mtime_ns == before


def test_old_ones_are_forgotten(lab: Lab) -> None:
    tell(lab.db, "a.old")
    lab.clock.advance(events.KEEP_MS / 1000 + 1)
    tell(lab.db, "a.new")
    events.prune(lab.db)
    assert [event.name for event in events.after(lab.db, 0)] == ["a.new"]


def test_what_was_said_comes_back(lab: Lab) -> None:
    tell(lab.db, "a.1")
    (event,) = events.after(lab.db, 0)
    assert (event.name, event.subject, event.team_id, event.data) == ("a.1", "s", "t", {"extra": 1})
    assert event.at_ms == lab.clock.now_ms() and events.head(lab.db) == event.id
