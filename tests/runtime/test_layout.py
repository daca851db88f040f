"""The data directory: owners, modes, and what stands in the way."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.errors import Invalid
from appliance.runtime.layout import ensure_layout, ensure_secret, places

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="gives files to other uids")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=tmp_path / "data", instance="abcdef", slot=15)


def seen(config: Config) -> dict[str, tuple[int, int, str]]:
    root = config.paths.root
    states = {path: path.lstat() for path in [root, *root.rglob("*")]}
    return {
        str(path.relative_to(root)): (s.st_uid, s.st_gid, stat.filemode(s.st_mode))
        for path, s in states.items()
    }


def test_owners_and_modes(config: Config) -> None:
    ensure_layout(config)
    now, web, proxy = seen(config), config.web_uid, config.proxy_uid
    assert now["."] == (0, 0, "drwx--x--x")
    assert now["db"] == (web, web, "drwxr-x---")
    assert now["db/appliance.db"] == (web, web, "-rw-r-----")
    assert now["run/http"] == (web, proxy, "drwx--s---")
    assert now["run/wake"] == (0, web, "drwxrws---")
    assert now["run/wake/wake"] == (0, web, "-rw-rw-r--")
    assert now["secret.key"] == (0, web, "-rw-r-----")
    assert now["tls"] == now["networks"] == (0, 0, "drwx------")
    assert config.paths.secret_key.stat().st_size == 32


def test_again_changes_nothing_and_repairs(config: Config) -> None:
    ensure_layout(config)
    before, key = seen(config), config.paths.secret_key.read_bytes()
    for place in places(config):
        place.path.chmod(0o777)
        os.chown(place.path, 12345, 12345)
    ensure_layout(config)
    assert seen(config) == before and config.paths.secret_key.read_bytes() == key


@pytest.mark.parametrize("name", ["run", "db", "notebooks", "secret.key", "run/wake/wake", "."])
def test_symlinks_are_refused(config: Config, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = config.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(elsewhere)
    with pytest.raises(Invalid, match="is a symlink"):
        ensure_layout(config)
    assert elsewhere.stat().st_uid == 0 and not list(elsewhere.iterdir())


def test_another_name_for_a_file_of_roots_is_not_handed_over(
    config: Config, tmp_path: Path
) -> None:
    ensure_layout(config)
    (tmp_path / "precious").write_text("x")
    config.paths.wake.unlink()
    os.link(tmp_path / "precious", config.paths.wake)
    with pytest.raises(Invalid, match="not a file of its own"):
        ensure_layout(config)
    assert (tmp_path / "precious").stat().st_gid == 0


def test_a_secret_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"mine")
    ensure_secret(path, 5)
    assert path.read_bytes() == b"mine" and path.stat().st_gid == 5
    assert [item.name for item in tmp_path.iterdir()] == ["key"]


def test_web_reaches_its_database_and_nothing_beside(config: Config, tmp_path: Path) -> None:
    for parent in tmp_path.parents[:2]:  # pytest closes its own directories to others
        parent.chmod(0o755)
    tmp_path.chmod(0o755)
    ensure_layout(config)
    ids = [f"--reuid={config.web_uid}", f"--regid={config.web_uid}", "--clear-groups"]

    def as_web(script: str) -> int:
        command = ["setpriv", *ids, "sh", "-c", script]
        return subprocess.run(command, cwd=config.data, check=False, capture_output=True).returncode

    assert as_web("echo x > db/x && touch run/wake/wake && cat secret.key && touch run/http/s") == 0
    for script in (
        "ls notebooks",
        "mv run gone",
        "touch run/x",
        "ls networks",
        "cat run/spool/x",
        "ls tls",
    ):
        assert as_web(script) != 0, script
