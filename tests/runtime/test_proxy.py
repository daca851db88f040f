"""The configuration: its text, how it is installed, and what the UI's side of it serves."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.clock import ManualClock
from appliance.config import Config
from appliance.errors import Invalid, Unavailable
from appliance.runtime import proxy
from tests.runtime.proxy_parts import Lab, open_folder, open_lab, until


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab() as opened:
        yield opened


def plain(tmp_path: Path, **options: object) -> Config:
    return Config(data=tmp_path, instance="0a1b2c", slot=13, **options)  # type: ignore[arg-type]


def site(config: Config) -> proxy.Site:
    return proxy.Site(config, proxy.host_names(config), config.data)


@pytest.mark.parametrize("name", ["a b", "x;", "~.*", "*.x", '"', "${x}", "a\n", "-{}"])
def test_a_name_that_nginx_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match="is not a host name"):
        proxy.render(site(plain(tmp_path, names=(name,))))


def test_a_path_that_nginx_would_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is not a plain path"):
        proxy.render(site(plain(tmp_path / "a; b")))


def test_a_host_that_listens_everywhere_answers_to_its_own_names(tmp_path: Path) -> None:
    names = proxy.host_names(plain(tmp_path, host="0.0.0.0", domain="lab.example", names=("gpu",)))
    assert {"localhost", "lab.example", "gpu", os.uname().nodename.lower()} < set(names)
    assert proxy.host_names(plain(tmp_path)) == ("127.0.0.1", "[::1]", "localhost")
    assert "10.1.2.3" in proxy.host_names(plain(tmp_path, host="10.1.2.3"))


def test_nginx_runs_as_nobody_who_owns_its_configuration(lab: Lab) -> None:
    uid, folder = lab.config.proxy_uid, lab.config.paths.nginx
    status = Path(f"/proc/{lab.nginx.pid}/status").read_text()
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
    assert "CapEff:\t0000000000000400" in status  # CAP_NET_BIND_SERVICE alone
    for path in (folder, folder / "nginx.conf"):
        assert (path.stat().st_uid, path.stat().st_mode & 0o022) == (0, 0)


def test_a_broken_candidate_leaves_the_good_one(lab: Lab) -> None:
    before = (lab.config.paths.nginx / "nginx.conf").read_text()
    lab.gateway.want(replace(lab.site, api="192.0.2.1:80"))  # not an address of this host
    lab.clock.advance(1)
    with pytest.raises(Unavailable, match="192.0.2.1"):
        lab.gateway.turn()
    lab.clock.advance(1)
    assert not lab.gateway.turn()  # told once
    assert (lab.config.paths.nginx / "nginx.conf").read_text() == before
    assert lab.get("/x", "localhost").status == 200
    lab.gateway.want(lab.site)
    lab.clock.advance(1)
    lab.gateway.turn()  # nginx did not run yet when it was told first
    lab.clock.advance(1)
    assert not lab.gateway.turn()  # as it is


def test_many_wishes_in_a_second_are_one_reload(lab: Lab) -> None:
    lab.clock.advance(1)
    done = []
    for name in ("a.example", "b.example", "c.example"):
        lab.gateway.want(replace(lab.site, names=(*lab.site.names, name)))
        done.append(lab.gateway.turn())
    assert done == [True, False, False]
    lab.clock.advance(1)
    assert lab.gateway.turn()
    until(lambda: lab.get("/x", "c.example").status == 200)
    assert lab.get("/x", "b.example").status == 421


def test_a_new_supervisor_reloads_once_what_its_predecessor_may_not_have(lab: Lab) -> None:
    successor = proxy.Gateway(lab.config, ManualClock())
    assert successor.turn() and not successor.turn()


def test_without_nginx_the_configuration_waits() -> None:
    with open_folder() as folder:
        config = plain(folder, port=1)
        gateway = proxy.Gateway(config, ManualClock())
        assert not gateway.turn()
        gateway.want(site(config))
        assert gateway.turn()
        assert config.paths.nginx.joinpath("nginx.conf").exists()


def test_static_files_are_kept_for_good_when_they_name_their_version(lab: Lab) -> None:
    (lab.site.static / "app.css").write_text("p {}")
    versioned = lab.get("/static/app.css?v=1", "localhost")
    assert (versioned.body, versioned.headers["Content-Type"]) == (
        "p {}",
        "text/css; charset=utf-8",
    )
    assert "immutable" in versioned.headers["Cache-Control"]
    assert lab.get("/static/app.css", "localhost").headers["Cache-Control"] == "no-cache"
    assert lab.get("/static/../run/nginx/nginx.conf", "localhost").seen["server"] == "web"


def test_stream_has_its_own_process(lab: Lab) -> None:
    assert lab.get("/stream?since=1", "localhost").seen["server"] == "stream"
    assert lab.get("/streams", "localhost").seen["server"] == "web"


def test_web_hands_out_logs_and_copies_of_files(lab: Lab) -> None:
    paths = lab.config.paths
    (paths.logs / "0").write_text("0123456789")
    (paths.spool / "page").write_text("<script>")
    part = lab.get("/hand-out?to=/_logs/0", "localhost", [("Range", "bytes=2-4")])
    assert (part.status, part.body) == (206, "234")
    page = lab.get("/hand-out?to=/_spool/page", "localhost")
    assert page.headers["Content-Security-Policy"].startswith("sandbox")
    assert page.headers["Content-Type"].startswith("text/html")


def test_links_among_them_are_not_followed(lab: Lab) -> None:
    paths = lab.config.paths
    (paths.logs / "link").symlink_to(paths.nginx / "nginx.conf")
    (paths.spool / "up").symlink_to("/etc")
    for target in ("/_logs/link", "/_spool/up/hostname", "/_logs/../nginx/nginx.conf"):
        assert lab.get(f"/hand-out?to={target}", "localhost").status in (403, 404)


def test_web_that_is_away_is_an_answer() -> None:
    with open_lab(slot=11) as lab:
        (lab.config.paths.http / "web.sock").unlink()
        answer = lab.get("/projects", "localhost")
        assert (answer.status, "UNAVAILABLE" in answer.body) == (503, True)


def test_the_log_holds_no_path(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine")
    lab.get("/n/mine/secret-name?token=secret-token", gate=gate)
    log = lab.config.paths.nginx / "logs" / "access.log"
    until(lambda: '"id":"mine"' in log.read_text())
    assert "secret" not in log.read_text()
    line = next(json.loads(line) for line in log.read_text().splitlines() if '"mine"' in line)
    assert set(line) == {"at", "kind", "id", "method", "status", "bytes", "seconds"}


def test_logs_are_bounded(lab: Lab) -> None:
    logs = lab.config.paths.nginx / "logs"
    for _ in range(4):
        # again and again: a worker that has not heard of the last rotation yet writes to the old file
        until(lambda: logged_a_request(lab, logs / "access.log"))
        assert proxy.rotate_logs(lab.config, limit_bytes=0)
        until(lambda: (logs / "access.log").exists())
    assert not proxy.rotate_logs(lab.config)
    kept = sorted(path.name for path in logs.glob("access.log*"))
    assert kept == ["access.log", "access.log.1", "access.log.2"]


def logged_a_request(lab: Lab, log: Path) -> bool:
    lab.get("/x", "localhost")
    return log.stat().st_size > 0


def test_workers_that_outlived_their_master_make_room() -> None:
    with open_lab(slot=10) as lab:
        lab.nginx.kill()
        lab.nginx.wait(10)
        assert lab.get("/x", "localhost").status == 200  # an orphan answers, with what it knew
        assert proxy.end_leftovers(lab.config) >= 1
        with subprocess.Popen(proxy.nginx_argv(lab.config)) as successor:
            until(lambda: answers(lab))
            successor.terminate()


def answers(lab: Lab) -> bool:
    try:
        return lab.get("/x", "localhost").status == 200
    except OSError:
        return False


def self_signed(folder: Path) -> tuple[str, str]:
    pair = str(folder / "tls.crt"), str(folder / "tls.key")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:*.localhost"]
    keys = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    argv = ["openssl", "req", "-x509", *keys, "-out", pair[0], "-keyout", pair[1], *subject]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    return pair


def test_tls(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)  # below a folder that nginx can't enter
    trust = ssl.create_default_context(cafile=certificate)
    trust.check_hostname = False
    with open_lab(slot=9, tls_cert=certificate, tls_key=key) as lab:
        assert lab.get("/x", "localhost", tls=trust).values("x-forwarded-proto") == ["https"]
        opened = lab.get("/n/mine/x", gate=lab.sign_in("/n/mine"), tls=trust)
        assert opened.seen["server"] == "mine"
        plain_http = lab.get("/x?y=1", "localhost")
        assert plain_http.status == 301
        assert plain_http.headers["Location"] == f"https://localhost:{lab.config.port}/x?y=1"
        names = {path.name for path in lab.config.paths.nginx.glob("*.key")}
        self_signed(tmp_path)
        assert proxy.install_certificate(lab.config) != lab.site.certificate
        assert len({path.name for path in lab.config.paths.nginx.glob("*.key")} - names) == 1


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    config = plain(tmp_path, tls_cert="/nonexistent.crt", tls_key="/nonexistent.key")
    with pytest.raises(Invalid, match="/nonexistent.crt"):
        proxy.install_certificate(config)
