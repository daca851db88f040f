"""Sealed values: what opens them, what does not, and rotations that are killed anywhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from appliance import crypto, settings, vault
from appliance.crypto import KeyRing
from appliance.db import Db, execute, row, rows, write
from appliance.errors import NotFound, Refused
from appliance.plugins import Setting
from tests.lab import Lab

VALUE = "s3cr3t-Wert-é\nzweite Zeile"
TOKEN = Setting("a.token", str, "none", "A token", secret=True)
NUMBER = Setting("a.pin", int, 0, "A number", secret=True)


def put(lab: Lab, purpose: str = "test", value: str = VALUE, **more: Any) -> str:
    with write(lab.db) as db:
        return vault.put(db, lab.appliance.keys, purpose, value, **more)


def read(lab: Lab, value_id: str, purpose: str = "test") -> str:
    return vault.read(lab.db, lab.appliance.keys, purpose, value_id)


def ring_lines(lab: Lab) -> list[str]:
    return lab.config.paths.key_ring.read_text().splitlines()


def dump(lab: Lab) -> bytes:
    return "\n".join(sqlite3.Connection.iterdump(lab.db.conn)).encode()


def test_it_opens_for_its_purpose_only(lab: Lab) -> None:
    value_id = put(lab)
    assert read(lab, value_id) == VALUE
    with pytest.raises(Refused, match="belongs to something else"):
        read(lab, value_id, "another")
    assert VALUE.encode() not in dump(lab) and VALUE.encode().hex().encode() not in dump(lab)


def test_a_row_that_was_copied_over_another_does_not_open(lab: Lab) -> None:
    mine, other = put(lab), put(lab, value="theirs")
    sealed = row(lab.db, "SELECT sealed FROM vault WHERE id = ?", (other,))
    assert sealed is not None
    execute(lab.db, "UPDATE vault SET sealed = ? WHERE id = ?", (sealed["sealed"], mine))
    with pytest.raises(Refused):
        read(lab, mine)


def test_the_same_value_never_looks_the_same(lab: Lab) -> None:
    for _ in range(2):
        put(lab)
    one, two = rows(lab.db, "SELECT sealed FROM vault")
    assert one["sealed"] != two["sealed"]


def test_gone_and_expired(lab: Lab) -> None:
    gone, short = put(lab), put(lab, expires_ms=lab.clock.now_ms() + 1000)
    with write(lab.db) as db:
        vault.drop(db, gone)
    assert read(lab, short) == VALUE
    lab.clock.advance(1)
    for value_id in (gone, short):
        with pytest.raises(NotFound):
            read(lab, value_id)
    vault.prune(lab.db)
    assert rows(lab.db, "SELECT * FROM vault") == []


def test_the_ring_is_for_root_to_write_and_web_to_read(lab: Lab) -> None:
    path = lab.config.paths.key_ring
    vault.rotate(lab.db, lab.appliance.keys)
    state = path.stat()
    assert (state.st_uid, state.st_gid) == (0, lab.config.web_uid)
    assert state.st_mode & 0o777 == 0o640 and not path.with_suffix(".part").exists()


def test_rotation_seals_all_anew_and_drops_the_old_key(lab: Lab) -> None:
    value_id, (old,) = put(lab), ring_lines(lab)
    before = dump(lab)
    assert vault.rotate(lab.db, lab.appliance.keys) == 1
    (new,) = ring_lines(lab)
    assert new != old and dump(lab) != before and read(lab, value_id) == VALUE
    lab.config.paths.key_ring.write_text(f"{old}\n")
    with pytest.raises(Refused, match=f"no key {new.split()[0]}"):
        read(lab, value_id)
    lab.config.paths.key_ring.write_text(f"{old}\n{new}\n")  # a line from a backup, appended
    assert read(lab, value_id) == VALUE


class Killed(BaseException):
    """kill -9, at one place."""


STEPS: list[tuple[Any, str]] = [
    (KeyRing, "add"),
    (vault, "rows"),
    (KeyRing, "seal"),
    (KeyRing, "retain"),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("owner", "step"), STEPS, ids=[step for _, step in STEPS])
def test_killed_anywhere_everything_opens_and_the_next_one_ends_it(
    lab: Lab, owner: Any, step: str, count: int, after: bool
) -> None:
    values = {put(lab, value=f"value {n}"): f"value {n}" for n in range(3)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, step, killing(getattr(owner, step), count, after))
        try:
            vault.rotate(lab.db, lab.appliance.keys)
        except Killed:
            pass
    assert {value_id: read(lab, value_id) for value_id in values} == values
    vault.rotate(lab.db, lab.appliance.keys)
    assert {value_id: read(lab, value_id) for value_id in values} == values
    assert len(ring_lines(lab)) == 1


def killing(real: Callable[..., Any], count: int, after: bool) -> Callable[..., Any]:
    calls = 0

    def dies(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count and not after:
            raise Killed
        done = real(*args)
        if calls == count:
            raise Killed
        return done

    return dies


def test_two_rotations_at_once_lose_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    value_id, keys = put(lab), lab.appliance.keys
    retain = KeyRing.retain

    def between(ring: KeyRing, used: Any) -> None:
        monkeypatch.setattr(KeyRing, "retain", retain)
        found = list(used)
        ring.add()  # another process has begun, and sealed nothing yet
        retain(ring, found)

    monkeypatch.setattr(KeyRing, "retain", between)
    vault.rotate(lab.db, keys)
    assert read(lab, value_id) == VALUE


def test_a_rotation_between_the_row_and_the_ring(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    value_id, real = put(lab), vault.row

    def row_then_rotation(db: Db, sql: str, params: Any) -> Any:
        found = real(db, sql, params)
        monkeypatch.setattr(vault, "row", real)
        vault.rotate(lab.db, lab.appliance.keys)
        return found

    monkeypatch.setattr(vault, "row", row_then_rotation)
    assert read(lab, value_id) == VALUE


@pytest.mark.parametrize("text", ["", "nonsense", "abc xyz", "abc 0011"])
def test_a_damaged_ring_says_so(lab: Lab, text: str) -> None:
    value_id = put(lab)
    lab.config.paths.key_ring.write_text(text)
    with pytest.raises(Refused, match="damaged"):
        read(lab, value_id)
    lab.config.paths.key_ring.unlink()
    with pytest.raises(Refused, match="missing"):
        read(lab, value_id)


def test_an_older_data_directory_gets_a_ring_and_keeps_its_key(lab: Lab) -> None:
    key = lab.config.paths.secret_key.read_bytes()
    assert crypto.load_keys(lab.config.paths.secret_key, lab.config.paths.key_ring).secret == key
    assert len(ring_lines(lab)) == 1


def test_a_secret_setting_is_sealed(lab: Lab) -> None:
    keys = lab.appliance.keys
    assert settings.get(lab.db, TOKEN, keys) == "none"
    for value in ("first-value", "second-value"):
        with write(lab.db) as db:
            settings.put(db, TOKEN, value, keys)
        assert settings.get(lab.db, TOKEN, keys) == value
    assert b"second-value" not in dump(lab) and len(rows(lab.db, "SELECT * FROM vault")) == 1
    with write(lab.db) as db:
        settings.put(db, NUMBER, "42", keys)
    assert settings.get(lab.db, NUMBER, keys) == 42


def test_a_wrong_secret_setting_is_not_quoted(lab: Lab) -> None:
    with pytest.raises(Exception, match="a.pin must be int, not ...$"):
        settings.parse(NUMBER, "my-password")
