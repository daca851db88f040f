"""`pip install appliance` without extras: a client that works, and nothing of the server."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.served import served
from tests.lab import Lab
from tests.program import signed_in

pytestmark = pytest.mark.containers  # fetches packages, so it is as slow as those
ROOT = Path(__file__).parents[2]
INSTALL_S = 300


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the base requirements only."""
    made = tmp_path_factory.mktemp("client") / "venv"
    copy = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, copy)
    for name in ("appliance", "plugins_builtin"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "venv", made], check=True, timeout=INSTALL_S)
    install = [str(made / "bin/pip"), "install", "-q", "--disable-pip-version-check", str(copy)]
    subprocess.run(install, check=True, timeout=INSTALL_S)
    return made


def test_it_calls_an_appliance(venv: Path, lab: Lab, home: Path) -> None:
    lab.person("ann")
    key = signed_in(lab, "ann").key
    with served(lab) as url:
        env = {"APPLIANCE_URL": url, "APPLIANCE_API_KEY": key, "HOME": str(home)}

        def run(name: str, *words: str) -> str:
            return subprocess.run(
                [str(venv / "bin" / name), *words], cwd=home, env=env, check=True, timeout=60,
                capture_output=True, text=True,
            ).stdout  # fmt: skip

        assert "projects" in run("appliance", "--help") and "doctor" not in run("appliance", "-h")
        run("appliance", "projects", "create", "--name", "vision")
        assert "vision" in run("appliance", "projects", "list")
        code = (
            "from appliance.client import Client; print([p.name for p in Client().projects.list()])"
        )
        assert run("python", "-c", code) == "['vision']\n"
        files = run("pip", "show", "-f", "appliance", "--disable-pip-version-check")
        assert "appliance/py.typed" in files and "appliance/client/groups.pyi" in files
        installed = run("pip", "list", "--disable-pip-version-check").lower()
        assert "pydantic" not in installed and "flask" not in installed
