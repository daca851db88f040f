"""How a secret shows in a log, and what must be left alone."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import pytest

from appliance.runtime import logs, masks
from tests.runtime.test_logs import add, cri, plain, whole

SECRETS = [
    "s3cr3t",
    "p@ss w/rd&+=%é",
    "x" * 200,
    'quo"te\\back',
    "-----BEGIN KEY-----\nMIIEvQIBADANBg\nno\n",
]


def masked(text: str, *values: str) -> str:
    return logs._masked(text.encode(), masks.of(values)).decode()


@pytest.mark.parametrize("value", SECRETS)
@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("behind", ["", "!", "!!", "!!!"])
def test_base64_at_every_alignment(value: str, before: str, behind: str) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(f"{before}{value}{behind}".encode()).decode()
        left = masked(text, value)
        # what the neighbours have a part in may stay: a digit or two at each end
        assert "***" in left and len(left.replace("***", "")) <= len(before + behind) * 2 + 6


@pytest.mark.parametrize("value", SECRETS)
def test_as_programs_write_it(value: str) -> None:
    shown = [quote(value), quote(value, safe=""), quote_plus(value), urlencode({"k": value})]
    shown += [json.dumps({"k": value}), json.dumps(value, ensure_ascii=False), f"key={value};"]
    for text in shown:
        left = masked(text, value)
        assert "***" in left and value[:6] not in left and value[-6:] not in left, left


def test_as_javascript_writes_it_in_urls() -> None:
    value = "can't!(wait)*/&é~"
    for text in (
        "can't!(wait)*%2F%26%C3%A9~",
        "can't!(wait)*/&%C3%A9~",
        "can't!(wait)*%2f%26%c3%a9~",
    ):
        assert masked(text, value) == "***"


def test_base64_in_lines_as_the_command_prints_it() -> None:
    value = "".join(chr(33 + n * 7 % 90) for n in range(300))
    text = subprocess.run(["base64"], input=value, capture_output=True, text=True).stdout
    assert masked(text, value).strip("\n=") == "\n".join(["***"] * len(text.splitlines()))


def test_each_line_of_a_value(tmp_path: Path) -> None:
    add(tmp_path, *(cri(line) for line in SECRETS[-1].splitlines()))
    logs.copy(tmp_path, masks.of([SECRETS[-1]]))
    assert whole(tmp_path) == plain(
        "***", "***", "no"
    )  # a short line tells little and is everywhere


@pytest.mark.parametrize("value", ["", "a", "no", "123"])
def test_too_short_to_be_masked(value: str) -> None:
    assert masks.of([value]) == []


def test_the_whole_before_its_parts() -> None:
    assert masked("long-secret", "long", "long-secret") == "***"


def test_a_huge_secret_at_the_end_of_a_long_line_is_looked_for_quickly(tmp_path: Path) -> None:
    value = "a" * 30_000 + "b"
    line = "a" * (logs.LONGEST_LINE_BYTES - 1000)
    add(tmp_path, cri(line, "P"), cri("a" * 8000, "P"), cri(value))
    logs.copy(tmp_path, masks.of([value]))
    assert b"b" not in whole(tmp_path)


def test_shell_quoting_of_a_secret_without_quotes_is_masked() -> None:
    assert "w0rd" not in masked(shlex.quote("pass w0rd"), "pass w0rd")
