"""Logs: masked, cut into segments, and true to their offsets whatever is killed when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.runtime import logs
from appliance.runtime.logs import copy, finish, segments, size, tail

TIME = "2026-11-23T12:00:00.123456789+00:00"
SHORT = b"2026-11-23T12:00:00.123Z "
SECRET = b"wt-abc-s3cr3t"


def cri(text: str, kind: str = "F", stream: str = "stdout") -> str:
    return f"{TIME} {stream} {kind} {text}\n"


def add(directory: Path, *lines: str) -> None:
    with (directory / "raw.log").open("a") as raw:
        raw.write("".join(lines))


def whole(directory: Path) -> bytes:
    """The log as a reader gets it who begins at the start."""
    text, offset = b"", 0
    while True:
        part, following = tail(directory, offset, 1000)
        if not part:
            return text
        assert following == offset + len(part) or not text  # contiguous behind the first
        text, offset = text + part, following


def plain(*texts: str) -> bytes:
    return b"".join(SHORT + text.encode() + b"\n" for text in texts)


def test_lines_with_their_time(tmp_path: Path) -> None:
    add(tmp_path, cri("one"), cri("zwei é", stream="stderr"), cri(""))
    assert not copy(tmp_path, [])
    assert whole(tmp_path) == plain("one", "zwei é", "")
    assert logs.last_lines(tmp_path, 2) == ["zwei é", ""]


def test_nothing_before_the_first_start(tmp_path: Path) -> None:
    assert not copy(tmp_path, []) and size(tmp_path) == 0
    assert tail(tmp_path, 0) == (b"", 0) and logs.last_lines(tmp_path) == []


def test_a_line_in_parts_is_one_and_its_secret_is_masked(tmp_path: Path) -> None:
    secret = SECRET.decode()
    add(tmp_path, cri("key=" + secret[:5], "P"))
    copy(tmp_path, [SECRET])
    assert whole(tmp_path) == b""  # half a line waits: it may hold half a secret
    add(tmp_path, cri(secret[5:9], "P"), cri(secret[9:] + "; done"))
    copy(tmp_path, [SECRET])
    assert whole(tmp_path) == plain("key=***; done")


def test_a_secret_in_a_line_that_is_written_while_we_read(tmp_path: Path) -> None:
    line = cri(f"key={SECRET.decode()}")
    for letter in line:
        add(tmp_path, letter)
        copy(tmp_path, [SECRET])
        assert SECRET[:6] not in whole(tmp_path)
    assert whole(tmp_path) == plain("key=***")


@pytest.mark.parametrize("before", [0, 1, 5, len(SECRET) - 1])
def test_a_secret_across_the_cut_of_a_very_long_line(tmp_path: Path, before: int) -> None:
    filler = "x" * (logs.LONGEST_LINE_BYTES - before)
    text = filler + SECRET.decode() + "end"
    cut = [text[at : at + 8192] for at in range(0, len(text), 8192)]
    add(tmp_path, *(cri(part, "P") for part in cut), cri(""))
    while copy(tmp_path, [SECRET]):
        pass
    found = b"".join(line.partition(b" ")[2] for line in whole(tmp_path).splitlines())
    assert found == filler.encode() + b"***end"


def test_the_rest_of_a_writer_that_was_killed(tmp_path: Path) -> None:
    add(tmp_path, cri("whole"), cri("half ", "P"), f"{TIME} stdo")
    finish(tmp_path, [])
    assert whole(tmp_path) == plain("whole", "half ")
    assert not (tmp_path / "raw.log").exists()
    finish(tmp_path, [])
    assert whole(tmp_path) == plain("whole", "half ")


def test_what_is_no_log_does_not_stand_still(tmp_path: Path) -> None:
    (tmp_path / "raw.log").write_bytes(b"\0" * (logs.READ_BYTES * 2) + b"\n" + cri("on").encode())
    finish(tmp_path, [])
    assert whole(tmp_path).endswith(plain("on"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that happens after megabytes happens after a few lines."""
    monkeypatch.setattr(logs, "SEGMENT_BYTES", 100)
    monkeypatch.setattr(logs, "READ_BYTES", 200)
    monkeypatch.setattr(logs, "PUNCH_BYTES", 150)


def test_segments_are_named_by_their_offset(tmp_path: Path, small: None) -> None:
    lines = [f"line {number}" for number in range(40)]
    add(tmp_path, *(cri(line) for line in lines))
    while copy(tmp_path, []):
        pass
    assert whole(tmp_path) == plain(*lines)
    found = segments(tmp_path)
    assert len(found) > 5
    for (start, path), (following, _) in zip(found, found[1:]):
        assert start + path.stat().st_size == following and path.stem == f"{start:016d}"
    assert size(tmp_path) == len(plain(*lines))


def test_dropped_segments_move_nobodys_offset(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "KEEP_SEGMENTS", 3)
    lines = [f"line {number}" for number in range(60)]
    add(tmp_path, *(cri(line) for line in lines))
    while copy(tmp_path, []):
        pass
    oldest = segments(tmp_path)[0][0]
    assert len(segments(tmp_path)) == 3 and oldest > 0
    text, following = tail(tmp_path, 5)  # a reader who fell behind goes on at the oldest
    assert following - len(text) == oldest
    assert plain(*lines)[oldest : oldest + len(text)] == text
    assert size(tmp_path) == len(plain(*lines))


def test_a_reader_may_ask_behind_the_end(tmp_path: Path) -> None:
    add(tmp_path, cri("one"))
    copy(tmp_path, [])
    end = size(tmp_path)
    assert tail(tmp_path, end) == (b"", end) and tail(tmp_path, end + 9) == (b"", end + 9)


class Killed(BaseException):
    """kill -9, at one place."""


def killed_at(monkeypatch: pytest.MonkeyPatch, step: str, count: int, after: bool) -> None:
    real: Callable[..., Any] = getattr(logs, step)
    calls = 0

    def dies(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count and not after:
            raise Killed
        done = real(*args)
        if calls == count:
            raise Killed
        return done

    monkeypatch.setattr(logs, step, dies)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("step", ["_append", "_punch", "_save_cursor"])
def test_killed_at_every_step_nothing_is_lost_or_told_twice(
    tmp_path: Path, small: None, step: str, count: int, after: bool
) -> None:
    lines = [f"line {number} {SECRET.decode()}" for number in range(30)]
    add(tmp_path, *(cri(line) for line in lines))
    with pytest.MonkeyPatch.context() as patch:
        killed_at(patch, step, count, after)
        with pytest.raises(Killed):
            while copy(tmp_path, [SECRET]):
                pass
    seen = size(tmp_path)
    while copy(tmp_path, [SECRET]):
        assert size(tmp_path) >= 0
    assert size(tmp_path) >= seen
    assert whole(tmp_path) == plain(*(f"line {number} ***" for number in range(30)))


def test_killed_in_the_middle_of_an_append(tmp_path: Path) -> None:
    add(tmp_path, cri("one"))
    copy(tmp_path, [])
    add(tmp_path, cri("two"))
    ((_, path),) = segments(tmp_path)
    with path.open("ab") as segment:
        segment.write(SHORT + b"tw")  # the cursor knows nothing of it
    copy(tmp_path, [])
    assert whole(tmp_path) == plain("one", "two")
