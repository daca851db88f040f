"""Identifiers: their shape, and what may never pass as one."""

from __future__ import annotations

import pytest

from appliance import ids


@pytest.mark.parametrize(("prefix", "length"), [*ids.LENGTHS.items(), ("x", 15)])
def test_shape(prefix: str, length: int) -> None:
    made = [ids.new_id(prefix) for _ in range(200)]
    assert len(set(made)) == 200
    for one in made:
        assert one.startswith(prefix) and len(one) == length and ids.is_id(one)


@pytest.mark.parametrize(
    "text",
    ["", "n", "nab", "../etc", "n/abc", "nABCD", "1abcd", "nab cd", "nabcd\n", "nabcd\0", "ñabcd"]
    + ["n-abc", "n.abc", "n" * 33],
)
def test_what_is_unsafe_in_a_path_is_no_id(text: str) -> None:
    assert not ids.is_id(text)
