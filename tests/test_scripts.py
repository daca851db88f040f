"""The scripts that install and start: what can be asked of them without installing anything."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def bash(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run lines of shell with lib.sh's functions."""
    text = f"set -euo pipefail\n. scripts/lib.sh\n{script}\n"
    return subprocess.run(
        ["bash", "-c", text],
        cwd=REPOSITORY,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["scripts/up", "scripts/install", "scripts/test", ".ci/run"])
def test_help_needs_nothing(name: str) -> None:
    result = subprocess.run(
        [str(REPOSITORY / name), "--help"], cwd="/", capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("Usage: scripts/") and not result.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="changes its uid")
def test_up_wants_root() -> None:
    ids = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = [*ids, "bash", str(REPOSITORY / "scripts/up")]
    result = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if "Permission denied" in result.stderr:
        pytest.skip("the checkout is closed to other users")
    assert result.returncode == 1 and "must be started as root: sudo scripts/up" in result.stderr


def test_stop_without_an_appliance(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("is refused before")
    command = [str(REPOSITORY / "scripts/up"), "--stop", "--data", str(tmp_path / "none")]
    env = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 1 and "there is no appliance" in result.stderr
    assert not (tmp_path / "none").exists()


def test_environment_must_be_reachable_for_services(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    result = bash(f"check_reachable {closed}/data/venv")
    assert result.returncode == 1 and "APPLIANCE_VENV" in result.stderr
    assert bash("check_reachable /var/lib/appliance-never-there/venv").returncode == 0


def test_nothing_is_installed_over_a_running_appliance(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    check = f"refuse_running {tmp_path}; echo free"
    assert bash(check).stdout == "free\n"
    lock = tmp_path / "run/up.lock"
    lock.touch()
    assert bash(check).stdout == "free\n"
    for kind, words in (("--exclusive", "Ctrl-C"), ("--shared", "systemctl stop")):
        held = bash(f"exec 9<{lock}; flock {kind} 9; {check}")
        assert held.returncode == 1 and words in held.stderr and not held.stdout


@pytest.mark.skipif(os.getuid() != 0, reason="is refused before")
@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="would install")
def test_install_wants_systemd() -> None:
    result = bash("scripts/install")
    assert result.returncode == 1 and "scripts/up starts the appliance without it" in result.stderr


@pytest.mark.parametrize(
    "arguments, wanted",
    [
        ("", "/default"),
        ("--data /a", "/a"),
        ("--port 1 --data=/a/../b --tls self", "/b"),
        ("--data /a --data /c/", "/c"),
    ],
)
def test_the_data_directory_of_a_script(arguments: str, wanted: str) -> None:
    found = bash(f"data_directory {arguments}", APPLIANCE_DATA="/default")
    assert found.stdout.strip() == wanted


def test_installed_packages_cost_nothing() -> None:
    result = bash("step packages ensure_packages bash dpkg; echo next $STEP")
    assert re.fullmatch(r"\[1\] packages\n    \d+\.\d s\nnext 2\n", result.stdout)


def test_a_failing_step_ends_the_script() -> None:
    result = bash("step broken false; echo never")
    assert result.returncode == 1 and "never" not in result.stdout


def test_a_change_of_sources_is_seen(tmp_path: Path) -> None:
    script = 'cp -r setup.cfg pyproject.toml appliance plugins_builtin "$T"; cd "$T"; source_hash'
    more = "; mkdir appliance/__pycache__ -p; touch appliance/__pycache__/x; source_hash"
    change = "; echo '#' >> appliance/ids.py; source_hash"
    first, same, other = bash(script + more + change, T=str(tmp_path)).stdout.split()
    assert first == same != other and len(first) == 64
