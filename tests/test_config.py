"""The configuration file: what is refused, and what comes back as it was written."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from appliance import config
from appliance.config import Config
from appliance.errors import Invalid

GOOD: dict[str, Any] = {"instance": "0a1b2c", "slot": 3}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    names = ("lab.example.org", "10.0.0.5")
    saved = Config(tmp_path, "0a1b2c", 3, "0.0.0.0", 443, "e.org", "/c\\d.pem", 'k"y', names)
    config.save(saved)
    assert config.load(tmp_path) == saved


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="scripts/up"):
        config.load(tmp_path)


def test_broken_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("slot = ")
    with pytest.raises(Invalid, match="not valid TOML"):
        config.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prot": 80}, "unknown key 'prot'"),
        ({"data": "/etc"}, "unknown key 'data'"),
        ({"slot": -1}, "slot must be"),
        ({"slot": 16}, "slot must be"),
        ({"slot": True}, "slot must be int"),
        ({"slot": "1"}, "slot must be int, not str"),
        ({"port": 0}, "port must be"),
        ({"port": 65535}, "port must be"),
        ({"host": 1}, "host must be str"),
        ({"names": "a"}, "names must be list"),
        ({"names": [1]}, "names"),
        ({"instance": "../etc"}, "instance must be"),
        ({"instance": "0A1B2C"}, "instance must be"),
    ],
)
def test_wrong_values_are_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        config.from_mapping(Path("/d"), {**GOOD, **change})


@pytest.mark.parametrize("key", ["instance", "slot"])
def test_what_has_no_default_must_be_there(key: str) -> None:
    given = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(Invalid, match=key):
        config.from_mapping(Path("/d"), given)


@pytest.mark.parametrize("change", [{"slot": 0}, {"slot": 15}, {"port": 1}, {"port": 65534}])
def test_bounds_are_inside(change: dict[str, Any]) -> None:
    config.from_mapping(Path("/d"), {**GOOD, **change})


def test_a_fresh_one_takes_a_free_range() -> None:
    taken = [f"10.{192 + slot}.7.0/24" for slot in range(16) if slot != 11]
    assert config.fresh(Path("/d"), [*taken, "fe80::/64", "10.0.0.0/16"]).slot == 11
    with pytest.raises(Invalid, match="no free address range"):
        config.fresh(Path("/d"), ["10.192.0.0/12"])


def test_two_fresh_ones_differ() -> None:
    assert len({config.fresh(Path("/d"), []).instance for _ in range(20)}) > 1


def test_slots_share_neither_addresses_nor_ids() -> None:
    every = [replace(Config(Path("/d"), "0a1b2c", 0), slot=slot) for slot in range(16)]
    uids = [uid for one in every for uid in (one.uid_base, one.team_uid(config.TEAMS_PER_SLOT))]
    assert uids == sorted(uids) and len(set(uids)) == len(uids)
    assert uids[-1] + config.UIDS_PER_TEAM <= 1 << 31
    for one in every:
        assert one.pool.subnet_of(IPv4Network("10.192.0.0/12"))
        assert one.team_subnet(254).subnet_of(one.pool)
        assert one.team_uid(254) + config.UIDS_PER_TEAM <= one.uid_base + config.UIDS_PER_SLOT
        assert not any(one.pool.overlaps(two.pool) for two in every if two is not one)


@pytest.mark.parametrize(
    ("change", "mode", "user_port", "url"),
    [
        ({}, "subdomain", 8080, "http://127.0.0.1:8080"),
        ({"host": "10.0.0.5"}, "port", 8081, "http://10.0.0.5:8080"),
        ({"host": "10.0.0.5", "domain": "e.org"}, "subdomain", 8080, "http://e.org:8080"),
        ({"host": "localhost", "port": 80}, "subdomain", 80, "http://localhost"),
        ({"tls_cert": "c", "port": 443, "domain": "e.org"}, "subdomain", 443, "https://e.org"),
    ],
)
def test_origins(change: dict[str, Any], mode: str, user_port: int, url: str) -> None:
    made = config.from_mapping(Path("/d"), {**GOOD, **change})
    assert (made.origin_mode, made.user_port, made.base_url) == (mode, user_port, url)
