"""Socket directories on real mounts (needs root, no containers)."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.runtime import socketdir

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts")

UID = (1 << 30) + 65536


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "with blank" / "w1"
    path.parent.mkdir()
    yield path
    socketdir.remove(path)


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def test_is_made_once_with_its_owner(place: Path) -> None:
    socketdir.ensure(place, UID)
    socketdir.ensure(place, UID)
    assert socketdir.mounted(place.parent) == [place]
    info = place.stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (UID, UID, 0o711)
    options = next(
        line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "w1" in line
    )
    for word in ("nosymfollow", "nosuid", "nodev", "noexec", "size=256k"):
        assert word in options


def test_a_socket_works_and_a_link_to_one_does_not(place: Path, tmp_path: Path) -> None:
    socketdir.ensure(place, UID)
    secret = tmp_path / "secret.sock"
    with socket.socket(socket.AF_UNIX) as real, socket.socket(socket.AF_UNIX) as host:
        for listener, path in ((real, place / "app.sock"), (host, secret)):
            listener.bind(str(path))
            listener.listen()
        (place / "evil.sock").symlink_to(secret)
        assert connects(secret) and connects(place / "app.sock")
        assert not connects(place / "evil.sock")


def test_is_small(place: Path) -> None:
    socketdir.ensure(place, UID)
    with pytest.raises(OSError):
        (place / "big").write_bytes(b"x" * 300_000)
    with pytest.raises(OSError):
        for number in range(100):
            (place / str(number)).touch()


def test_goes_away_with_what_is_in_it_even_when_in_use(place: Path) -> None:
    socketdir.ensure(place, UID)
    with (place / "open").open("w"):
        socketdir.remove(place)
    assert not place.exists() and socketdir.mounted(place.parent) == []
    socketdir.remove(place)
