"""Units for systemd, as its own analyser reads them."""

from __future__ import annotations

import os
import shlex
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.errors import Invalid
from appliance.runtime import service, up

TEMPLATES = Path(__file__).parents[2] / "systemd"
PROGRAM = Path("/var/lib/a/venv/bin/appliance")
HARDENED = ("web", "stream", "worker", "proxy")
EXPOSURE = (
    20  # of 100; systemd calls up to 45 "OK", and what a service has without any wall, 95, "unsafe"
)

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="writes files of root's")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "run").mkdir()
    return Config(data=tmp_path, instance="abc123", slot=3)


@pytest.fixture
def units(config: Config, tmp_path: Path) -> Path:
    folder = tmp_path / "units"
    folder.mkdir()
    environ = {"https_proxy": 'http://u:p%"w\\$HOME@proxy', "PIP_INDEX_URL": "http://index"}
    service.write_units(config, up.processes(config, PROGRAM, environ), TEMPLATES, folder)
    return folder


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def section(units: Path, name: str) -> dict[str, str]:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(units / f"appliance-{name}.service")
    return dict(parser["Service"])


def test_systemd_finds_nothing_to_complain_about(units: Path) -> None:
    done = analyze("verify", *map(str, sorted(units.iterdir())))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", HARDENED)
def test_little_is_exposed(units: Path, name: str) -> None:
    unit = str(units / f"appliance-{name}.service")
    done = analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", unit)
    assert done.returncode == 0, done.stdout


def test_units_run_what_the_foreground_runs(units: Path, config: Config) -> None:
    for process in up.processes(config, PROGRAM, {}):
        unit = section(units, process.name)
        assert unit["ExecStart"].endswith(f" {config.paths.lock} {shlex.join(process.argv)}")
        assert int(unit.get("User", 0)) == process.uid
        assert int(unit.get("Group", 0)) == process.gid
        assert unit.get("SupplementaryGroups", "").split() == list(map(str, process.groups))
    assert section(units, "proxy")["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    assert section(units, "web")["CapabilityBoundingSet"] == ""


def test_services_write_where_the_layout_lets_them(config: Config) -> None:
    root = config.data
    web = [root / "db", root / "run/http", root / "run/wake", root / "uploads"]
    assert service.writable(config, config.web_uid) == web
    assert service.writable(config, config.proxy_uid) == [root / "run/nginx"]


def test_nobody_but_root_reads_the_environment(units: Path, config: Config) -> None:
    for name in ("supervisor", "web"):
        file = Path(section(units, name)["EnvironmentFile"])
        assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
        env = dict(item.split("=", 1) for item in shlex.split(file.read_text()))
        assert env["https_proxy"] == 'http://u:p%"w\\$HOME@proxy'
        assert ("PIP_INDEX_URL" in env) == (name == "supervisor")
    texts = [path.read_text() for path in units.iterdir()]
    assert not [text for text in texts if "@proxy" in text]


def test_units_are_written_again(units: Path, config: Config) -> None:
    before = {path.name: path.read_text() for path in units.iterdir()}
    environ = {"https_proxy": ""}
    service.write_units(config, up.processes(config, PROGRAM, environ), TEMPLATES, units)
    assert {path.name: path.read_text() for path in units.iterdir()} == before


def test_users_have_the_ids_of_the_slot(config: Config, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    file = tmp_path / "appliance.conf"
    file.write_text(service.users_text(config, TEMPLATES))
    made = ["systemd-sysusers", f"--root={root}", str(file)]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    lines = (root / "etc/passwd").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split(":")[2]) for line in lines}
    assert found == {"appliance-web": config.web_uid, "appliance-proxy": config.proxy_uid}


@pytest.mark.parametrize("path", ["/home/me/data", "/tmp/x", "/var/tmp/x", "/root/x"])
def test_services_must_see_their_data(path: str) -> None:
    with pytest.raises(Invalid, match="do not see"):
        service.check_places([Path(path)])


def test_paths_must_be_plain() -> None:
    service.check_places([Path("/srv/lab-1/data"), PROGRAM])
    for path in ("/srv/a b", "/srv/a%n", "/srv/a$b", '/srv/"a'):
        with pytest.raises(Invalid, match="plain"):
            service.check_places([Path(path)])
