"""From a data directory to running processes, with a stand-in for the `appliance` command."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509

from appliance import config as configuration
from appliance.config import Config
from appliance.errors import Conflict, Invalid, Unavailable
from appliance.paths import Paths
from appliance.runtime import certificate, up
from appliance.runtime.up import Options

as_root = pytest.mark.skipif(os.getuid() != 0, reason="starts services under other uids")

# `web` does not start while a file says so; `proxy` stands for nginx and answers the health check.
PROGRAM = """#!{python}
import os, sys, time, http.server
name, data = sys.argv[1], sys.argv[3]
print("uid", os.getuid(), flush=True)
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/v1/health" else 404)
        self.end_headers()
if name == "proxy":
    http.server.HTTPServer(("127.0.0.1", {port}), Health).serve_forever()
time.sleep(600)
"""
START = """
import sys
from pathlib import Path
from appliance.runtime import up
parts = up.Parts(
    prepare_engine=lambda config: print("engine"),
    ensure_images=lambda config, progress: progress("an image"),
    setup=lambda config: "user: admin   password: pw",
)
data, port, program = sys.argv[1:]
up.up(up.Options(Path(data), port=int(port)), parts, Path(program))
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """Short, for unix sockets, and open to other uids, unlike pytest's own directories."""
    with tempfile.TemporaryDirectory(prefix="up-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "d"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(data: Path, port: int) -> Iterator[Start]:
    program = data.parent / "program"
    program.write_text(PROGRAM.format(python="/usr/bin/python3", port=port))
    program.chmod(0o755)
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", START, str(data), str(port), str(program)]
        env = os.environ | {"APPLIANCE_ADMIN_PASSWORD": "secret"}
        out = subprocess.PIPE
        started.append(subprocess.Popen(argv, stdout=out, stderr=out, text=True, env=env))
        return started[-1]

    yield begin
    for process in started:
        process.terminate()
        process.communicate()


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    lines: list[str] = []
    assert process.stdout and process.stderr
    for line in process.stdout:
        lines.append(line.rstrip())
        if text in line:
            return lines
    raise AssertionError("\n".join([*lines, process.stderr.read()]))


@as_root
def test_starts_says_so_and_stops(data: Path, port: int, start: Start) -> None:
    process = start()
    lines = lines_until(process, "ready")
    assert lines[-1] == f"Appliance is ready: http://127.0.0.1:{port}   user: admin   password: pw"
    assert [line for line in lines if line.startswith("[")] == [
        "[1] data directory",
        "[2] host",
        "[3] images",
        "[4] database",
        "[5] services",
    ]
    config, pids = configuration.load(data), Paths(data).run / "pid"
    owners = {"supervisor": 0, "web": config.web_uid, "proxy": config.proxy_uid}
    for name, uid in owners.items():
        pid = int((pids / f"{name}.pid").read_text())
        assert os.stat(f"/proc/{pid}").st_uid == uid
        assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    again = start()
    assert again.wait(30) == 1
    assert "runs already as process" in (again.stderr.read() if again.stderr else "")

    ended: list[Config] = []
    up.stop(data, ended.append)
    assert ended == [config] and process.wait(10) == 0 and not list(pids.iterdir())
    up.stop(data, ended.append)
    assert len(ended) == 2


@as_root
def test_the_manager_is_small_and_keeps_the_lock(data: Path, start: Start) -> None:
    process = start()
    lines_until(process, "ready")
    argv = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
    assert argv[1:3] == [b"-I", b"-S"]
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    pss_kib = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    assert pss_kib < 12 * 1024
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.close(up.take_lock(Paths(data)))


@as_root
def test_lock_names_its_holder(data: Path) -> None:
    first = up.take_lock(Paths(data))
    with pytest.raises(Conflict, match=f"process {os.getpid()}"):
        up.take_lock(Paths(data))
    os.close(first)
    os.close(up.take_lock(Paths(data)))


@as_root
def test_units_of_systemd_share_the_lock(data: Path, made: Config) -> None:
    with open(made.paths.lock, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        for refused in (
            lambda: up.take_lock(made.paths),
            lambda: up.stop(data, lambda config: None),
        ):
            with pytest.raises(Conflict, match="systemd runs .*systemctl stop appliance.target"):
                refused()
    os.close(up.take_lock(made.paths))


@pytest.fixture
def made(data: Path) -> Config:
    for folder in (data, data / "run"):
        folder.mkdir()
    return up.configure(Options(data))


def test_configuration_is_made_once_and_options_stay(data: Path, made: Config) -> None:
    assert up.configure(Options(data)) == made
    changed = up.configure(Options(data, host="0.0.0.0", port=9000))
    assert changed == replace(made, host="0.0.0.0", port=9000) == up.configure(Options(data))
    with pytest.raises(Invalid, match="port must be"):
        up.configure(Options(data, port=65535))
    assert up.configure(Options(data)) == changed


def test_used_networks_include_loopback() -> None:
    assert "127.0.0.1/8" in up.used_networks()


@as_root
def test_self_signed(data: Path, made: Config) -> None:
    config = up.configure(Options(data, host="192.0.2.9", tls=("self",)))
    assert config.scheme == "https" and Path(config.tls_key).stat().st_mode & 0o077 == 0
    parsed = x509.load_pem_x509_certificate(Path(config.tls_cert).read_bytes())
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "*.localhost" in names.get_values_for_type(x509.DNSName)
    assert "192.0.2.9" in map(str, names.get_values_for_type(x509.IPAddress))
    assert up.configure(Options(data)) == config
    assert x509.load_pem_x509_certificate(Path(config.tls_cert).read_bytes()) == parsed


def test_self_signed_is_renewed_in_time(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    cert, key = certificate.ensure_self_signed(tmp_path, ["a"], now)
    first = cert.read_bytes()
    certificate.ensure_self_signed(tmp_path, ["a"], now + timedelta(days=300))
    assert cert.read_bytes() == first
    certificate.ensure_self_signed(tmp_path, ["a"], now + timedelta(days=380))
    assert cert.read_bytes() != first
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)


def test_bad_certificates_are_refused_before_anything_is_written(
    data: Path, made: Config, tmp_path: Path
) -> None:
    cert, _ = certificate.ensure_self_signed(tmp_path, ["a"])
    for tls in ((str(cert), str(cert)), (str(cert), "/missing"), (str(cert),)):
        with pytest.raises(Invalid):
            up.configure(Options(data, tls=tls))
    assert up.configure(Options(data)) == made


def test_environment_of_services(made: Config) -> None:
    environ = {
        "AWS_SECRET_ACCESS_KEY": "x",
        "https_proxy": "p",
        "PIP_INDEX_URL": "i",
        "HOME": "/root",
    }
    plan = {process.name: process for process in up.processes(made, Path("/v/appliance"), environ)}
    assert list(plan) == ["supervisor", "web", "stream", "worker", "proxy"]
    assert plan["supervisor"].env["PIP_INDEX_URL"] == "i" and "PIP_INDEX_URL" not in plan["web"].env
    assert all("AWS_SECRET_ACCESS_KEY" not in process.env for process in plan.values())
    assert plan["web"].env["https_proxy"] == "p"
    assert plan["proxy"].groups == [made.web_uid] and plan["proxy"].caps == ["net_bind_service"]
    assert json.loads(json.dumps(plan["web"]._asdict()))["argv"][1:] == [
        "web",
        "--data",
        str(made.data),
    ]


def test_health_is_not_waited_for_when_nobody_wants_it(made: Config, port: int) -> None:
    assert not up.wait_ready(replace(made, port=port), lambda: False, 60)
    assert not up.wait_ready(replace(made, port=port), lambda: True, 0.2)


def test_host_that_lacks_something_is_told_what(
    made: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Unavailable, match="podman: .*Install podman"):
        up.check_host(made)
