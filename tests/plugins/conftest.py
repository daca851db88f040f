"""The sample plugin, installed as anybody's package is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Lab, opened
from tests.plugins.thirdparty import forget_modules, start_again

SAMPLE = Path(__file__).parent.parent / "sample_plugin"


@pytest.fixture(scope="session")
def packages() -> Iterator[Path]:
    """A folder of packages with the sample plugin in it. Not below pytest's own, which is closed to web's uid."""
    with tempfile.TemporaryDirectory(prefix="packages") as folder:
        source, target = Path(folder) / "source", Path(folder) / "packages"
        shutil.copytree(SAMPLE, source)  # a build leaves things there
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
            + ["--disable-pip-version-check", "--target", target, source],
            check=True, timeout=300,
        )  # fmt: skip
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True, timeout=60)
        yield target


@pytest.fixture
def installed(packages: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The sample plugin is among Python's packages."""
    monkeypatch.syspath_prepend(packages)
    yield
    forget_modules()


@pytest.fixture
def widgets(installed: None) -> Iterator[Lab]:
    """A lab with the sample plugin."""
    with opened() as lab:
        found = start_again(lab)["widgets"]
        assert found.state == "on", found.reason
        yield lab
