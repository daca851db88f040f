"""systemd hears that a service is ready, and its children do not."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from appliance.runtime import notify


def test_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify.ready()
        assert listener.recv(64) == b"READY=1"
    assert "NOTIFY_SOCKET" not in os.environ
    notify.ready()


def test_abstract_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"appliance-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify.ready()
        assert listener.recv(64) == b"READY=1"
