"""What of the host reaches containers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from appliance.runtime import hostenv

NO_BUNDLE = Path("/nonexistent")


def env_of(environ: dict[str, str], files: tuple[Path, ...] = (), **more: Any) -> dict[str, str]:
    return dict(hostenv.detect(environ, files, bundle=NO_BUNDLE, **more).env)


def test_nothing_set_means_nothing_passed() -> None:
    assert (
        hostenv.detect({"HOME": "/root", "AWS_SECRET": "x"}, [], bundle=NO_BUNDLE)
        == hostenv.HostEnv()
    )


def test_bundle_is_named_at_a_path_of_its_own(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_text("x")
    found = hostenv.detect({}, [], bundle=bundle)
    assert found.ca_bundle == bundle
    assert set(found.env.values()) == {"/run/appliance/ca.crt"} and "SSL_CERT_FILE" in found.env


def test_proxy_in_both_cases_and_what_goes_around_it() -> None:
    found = env_of(
        {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "a.org, b.org"}, no_proxy=["10.192.0.1"]
    )
    assert found["https_proxy"] == found["HTTPS_PROXY"] == "http://proxy:3128"
    assert (
        found["NO_PROXY"] == found["no_proxy"] == "a.org,b.org,localhost,127.0.0.1,::1,10.192.0.1"
    )
    assert "http_proxy" not in found


@pytest.mark.parametrize(
    "proxy", ["http://127.0.0.1:3128", "http://localhost:1", "http://[::1]:1", "", "x y["]
)
def test_unreachable_proxy_is_dropped(proxy: str) -> None:
    assert not env_of({"http_proxy": proxy, "no_proxy": "a.org"})


def test_pip_files_and_environment(tmp_path: Path) -> None:
    weak, strong = tmp_path / "a.conf", tmp_path / "b.conf"
    weak.write_text(
        "[global]\nindex-url = https://weak/simple\ntimeout = 30\n[install]\ntrusted-host = h\n"
    )
    strong.write_text(
        "[global]\nindex_url = https://strong/simple\n"
        "extra-index-url = file:///x\n  https://y/%(z)s\n"
    )
    found = env_of({"PIP_DEFAULT_TIMEOUT": "99"}, (weak, strong, tmp_path / "missing"))
    assert found == {
        "PIP_INDEX_URL": "https://strong/simple",
        "PIP_EXTRA_INDEX_URL": "https://y/%(z)s",
        "PIP_TRUSTED_HOST": "h",
        "PIP_DEFAULT_TIMEOUT": "99",
    }


def test_local_indexes_and_broken_files_are_dropped(tmp_path: Path) -> None:
    broken = tmp_path / "pip.conf"
    broken.write_bytes(b"index-url = \xff no section")
    environ = {
        "PIP_INDEX_URL": "/srv/simple",
        "PIP_FIND_LINKS": "/srv",
        "NPM_CONFIG_REGISTRY": "file:///x",
    }
    assert not env_of(environ, (broken,))
    assert env_of({"npm_config_registry": "https://npm"}) == {"NPM_CONFIG_REGISTRY": "https://npm"}


def test_shell_file_quotes() -> None:
    text = hostenv.HostEnv({"A": "it's; $(rm) `x`"}).shell()
    shown = subprocess.run(
        ["sh", "-c", text + 'printf %s "$A"'], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "it's; $(rm) `x`"
