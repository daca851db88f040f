"""Secret variables as the static shell gives them to a program, on the host's own busybox; no container is needed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.runtime import envfile, socketdir
from tests.lab import Lab

if not envfile.HOST_BUSYBOX.exists():
    pytest.skip("busybox-static is not installed", allow_module_level=True)

PATH = "/usr/local/bin:/usr/bin:/bin"


def run(
    tmp_path: Path, values: dict[str, str], *argv: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    file = tmp_path / "env"
    file.write_text(envfile.text(values))
    _, *options, _ = envfile.ENTRYPOINT
    return subprocess.run(
        [envfile.HOST_BUSYBOX, *options, file, *argv],
        env={"PATH": PATH, **(env or {})}, cwd=tmp_path, capture_output=True, timeout=30,
    )  # fmt: skip


def environ(output: bytes) -> dict[str, str]:
    return dict(item.split("=", 1) for item in output.decode().split("\0") if item)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_value_arrives_as_it_is(tmp_path: Path, value: str) -> None:
    done = run(tmp_path, {"SECRET": value, "NEXT": "1"}, "/usr/bin/env", "-0")
    found = environ(done.stdout)
    assert (found["SECRET"], found["NEXT"]) == (value, "1"), done.stderr


@pytest.mark.parametrize("value", ["a\nb\n", "'", "''\"$(id)`id`\\", "é 漢 🙂", "\x81\x88ÁÈ", "-n"])
def test_difficult_values(tmp_path: Path, value: str) -> None:
    done = run(tmp_path, {"SECRET": value}, "env", "-0")
    assert environ(done.stdout)["SECRET"] == value


def test_the_rest_of_the_environment_and_the_arguments_stay(tmp_path: Path) -> None:
    given_env = {"A": "b c", "dir": "mine", "IFS": "x"}
    done = run(
        tmp_path,
        {"S": "1"},
        "sh",
        "-c",
        'printf "%s|" "$A" "$dir" "$@"',
        "sh",
        "a b",
        "*",
        "",
        env=given_env,
    )
    assert done.stdout == b"b c|mine|a b|*||"


def test_programs_of_the_image_run_and_no_applets(tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "env"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho own $S\n")
    tool.chmod(0o755)
    done = run(tmp_path, {"S": "secret"}, "env", env={"PATH": f"/nowhere:{tmp_path}/bin:{PATH}"})
    assert done.stdout == b"own secret\n"
    assert run(tmp_path, {"S": "x"}, "./bin/env").stdout == b"own x\n"


@pytest.mark.parametrize(
    ("argv", "code"), [(("no-such-program",), 127), (("/no/such",), 127), (("/etc/passwd",), 126)]
)
def test_what_can_not_run_says_so_as_a_shell_does(
    tmp_path: Path, argv: tuple[str], code: int
) -> None:
    done = run(tmp_path, {"S": "s3cr3t"}, *argv)
    assert done.returncode == code and argv[0].encode() in done.stderr
    assert b"s3cr3t" not in done.stderr + done.stdout


def test_without_its_file_nothing_runs(tmp_path: Path) -> None:
    _, *options, _ = envfile.ENTRYPOINT
    argv = [str(envfile.HOST_BUSYBOX), *options, str(tmp_path / "gone"), "echo", "ran"]
    done = subprocess.run(argv, capture_output=True, timeout=30)
    assert done.returncode != 0 and b"ran" not in done.stdout


def test_signals_reach_the_program(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(envfile.text({"S": "x"}))
    _, *options, _ = envfile.ENTRYPOINT
    program = subprocess.Popen(
        [envfile.HOST_BUSYBOX, *options, file, "sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done"],
        stdout=subprocess.PIPE, env={"PATH": PATH},
    )  # fmt: skip
    with program:
        assert program.stdout is not None and program.stdout.readline() == b"up\n"
        program.terminate()
        assert program.wait(timeout=30) == 9


def test_only_root_reaches_the_file_and_it_lies_in_memory(lab: Lab) -> None:
    root = lab.config.paths.env
    binds = envfile.put(root, "wabcdefg", {"S": "s3cr3t"})
    assert root.stat().st_mode & 0o777 == 0o700 and (root.stat().st_uid, root.stat().st_gid) == (
        0,
        0,
    )
    assert [bind.read_only for bind in binds] == [True, True]
    assert binds[0].source.stat().st_mode & 0o777 == 0o444  # for whoever the image runs as
    assert os.statvfs(binds[0].source).f_flag & os.ST_NOEXEC
    kind = subprocess.check_output(["stat", "-f", "-c", "%T", binds[0].source], text=True)
    assert kind.strip() == "tmpfs"
    again = envfile.put(root, "wabcdefg", {"S": "other"})
    assert "other" in again[0].source.read_text()
    assert socketdir.mounted(root) == [root / "wabcdefg"]
    for _ in range(2):
        envfile.remove(root, "wabcdefg")
    assert list(root.iterdir()) == []
