"""Logs of workloads: copied from conmon's raw file, masked, into segments with ever-growing offsets.

conmon writes a raw log that only root reads, in CRI format: `<time> <stream> <F|P> <text>`. (Podman's own size limit would
throw the history away and move offsets backwards.) A segment is named by the offset of its first byte; nginx serves them.
A reader's offset stays true for ever; when old segments were dropped, reading goes on at the oldest that is left.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

SEGMENT_BYTES = 1 << 20
KEEP_SEGMENTS = 64
READ_BYTES = 1 << 20
LONGEST_LINE_BYTES = 1 << 16
PUNCH_BYTES = 16 << 20
MASK = b"***"

_KEEP_SIZE_AND_PUNCH = 0x01 | 0x02
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Cursor:
    """How far the copy is. raw, out: bytes read and written. punched: raw bytes given back to the disk."""

    raw: int = 0
    out: int = 0
    punched: int = 0


def copy(directory: Path, secrets: Sequence[bytes], final: bool = False) -> bool:
    """Copy what is new, at most 1 MiB; True when there may be more. Killed in the middle, it goes on without a trace.

    final: the writer is gone, so a last line without its end counts too.
    """
    cursor = _load_cursor(directory)
    try:
        with (directory / "raw.log").open("rb") as raw:
            raw.seek(cursor.raw)
            chunk = raw.read(READ_BYTES)
    except FileNotFoundError:
        return False
    text, used = _translate(chunk, final and len(chunk) < READ_BYTES, secrets)
    if not used:
        return False
    out = _append(directory, cursor.out, _masked(text, secrets))
    cursor = Cursor(cursor.raw + used, out, cursor.punched)
    _save_cursor(directory, cursor)
    if cursor.raw - cursor.punched >= PUNCH_BYTES:  # behind the cursor: nobody reads there again
        punched = _punch(directory / "raw.log", cursor.raw)
        _save_cursor(directory, replace(cursor, punched=punched))
    return len(chunk) == READ_BYTES


def write(directory: Path, stamp: str, line: str) -> None:
    """Add a line of our own to a log that no container writes. stamp: its time, ISO 8601 with the zone."""
    _append(directory, size(directory), f"{stamp} {line}\n".encode(errors="replace"))


def finish(directory: Path, secrets: Sequence[bytes]) -> None:
    """Copy the rest of an ended workload and delete the raw log. Repeatable."""
    while copy(directory, secrets, final=True):
        pass
    (directory / "raw.log").unlink(missing_ok=True)


def growing(directory: Path) -> bool:
    """Whether its writer, or our copying, is not done yet."""
    return (directory / "raw.log").exists()


def segments(directory: Path) -> list[tuple[int, Path]]:
    """(offset of its first byte, file) of each segment, in order; empty before the first start."""
    found = [(int(path.stem), path) for path in directory.glob("[0-9]*.log")]
    return sorted(found)


def tail(directory: Path, offset_bytes: int, limit_bytes: int = 65536) -> tuple[bytes, int]:
    """Bytes after the offset and the next offset. Empty when nothing is new or nothing was ever written."""
    for start, path in segments(directory):
        try:
            size = path.stat().st_size
            if start + size <= offset_bytes:
                continue
            begin = max(offset_bytes, start)
            with path.open("rb") as segment:
                segment.seek(begin - start)
                found = segment.read(limit_bytes)
        except FileNotFoundError:
            continue  # dropped while we looked
        return found, begin + len(found)
    return b"", offset_bytes


def size(directory: Path) -> int:
    """The offset behind the newest byte."""
    found = segments(directory)
    return found[-1][0] + found[-1][1].stat().st_size if found else 0


def last_lines(directory: Path, count: int = 20) -> list[str]:
    """The newest lines, oldest first, without their times."""
    end = size(directory)
    text, _ = tail(directory, max(0, end - 32768), 32768)
    lines = text.decode(errors="replace").splitlines()[-count:]
    return [line.partition(" ")[2] for line in lines]


def _translate(chunk: bytes, final: bool, secrets: Sequence[bytes]) -> tuple[bytes, int]:
    """CRI lines as `<time to the millisecond>Z <text>` lines, and how many bytes of the chunk they took."""
    out: list[bytes] = []
    parts: list[bytes] = []
    used, position, stamp = 0, 0, b""
    while (end := chunk.find(b"\n", position)) >= 0:
        stamp, _, rest = chunk[position:end].partition(b" ")
        kind, text = rest[7:8], rest[9:]  # after "stdout " or "stderr "
        position = end + 1
        parts.append(text)
        if kind == b"P" and not _may_cut(parts, secrets):
            continue
        out.append(stamp[:23] + b"Z " + b"".join(parts) + b"\n")
        parts, used = [], position
    if final and parts:
        out.append(stamp[:23] + b"Z " + b"".join(parts) + b"\n")
        used = position
    if final and position < len(chunk):
        used = len(chunk)  # half a line of a writer that was killed
    if not used and len(chunk) == READ_BYTES:
        used = len(chunk)  # no line in 1 MiB: not conmon's format; never stand still
    return b"".join(out), used


def _may_cut(parts: Sequence[bytes], secrets: Sequence[bytes]) -> bool:
    """Whether a line that has not ended yet is long enough to be cut here: not within a secret, or half of it shows."""
    length = sum(map(len, parts))
    if length < LONGEST_LINE_BYTES or length >= 2 * LONGEST_LINE_BYTES:
        return length >= LONGEST_LINE_BYTES
    text = memoryview(b"".join(parts))
    return not any(_begins_at_end(text, secret) for secret in secrets)


def _begins_at_end(text: memoryview, secret: bytes) -> bool:
    """Whether the text ends with the beginning of a secret."""
    end = bytes(text[len(text) - len(secret) + 1 :])
    at = end.find(secret[:1])
    while at >= 0:
        if secret.startswith(memoryview(end)[at:]):
            return True
        at = end.find(secret[:1], at + 1)
    return False


def _masked(text: bytes, secrets: Sequence[bytes]) -> bytes:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _append(directory: Path, offset: int, text: bytes) -> int:
    """Write text at this offset of the log; bytes behind it are of a copy that was killed, and go."""
    found = segments(directory)
    while found and found[-1][0] > offset:
        found.pop()[1].unlink()
    start, path = found[-1] if found else (offset, directory / f"{offset:016d}.log")
    if path.exists() and offset - start >= SEGMENT_BYTES:
        start, path = offset, directory / f"{offset:016d}.log"
    with path.open("ab") as segment:
        segment.truncate(offset - start)
        segment.write(text)
        os.fchmod(segment.fileno(), 0o640)
        os.fchown(segment.fileno(), -1, directory.stat().st_gid)
    for _, old in segments(directory)[:-KEEP_SEGMENTS]:
        old.unlink(missing_ok=True)
    return offset + len(text)


def _punch(raw: Path, upto: int) -> int:
    """Give the disk back what was copied; offsets stay. A file system that can't is no error."""
    descriptor = os.open(raw, os.O_WRONLY)
    try:
        length = ctypes.c_longlong(upto)
        _libc.fallocate(descriptor, _KEEP_SIZE_AND_PUNCH, ctypes.c_longlong(0), length)
    finally:
        os.close(descriptor)
    return upto


def _load_cursor(directory: Path) -> Cursor:
    try:
        return Cursor(**json.loads((directory / "cursor.json").read_text()))
    except FileNotFoundError:
        return Cursor()
    except (
        ValueError,
        TypeError,
    ):  # a power cut left it empty: the whole raw log again, behind what there is
        return Cursor(out=size(directory))


def _save_cursor(directory: Path, cursor: Cursor) -> None:
    part = directory / "cursor.part"
    part.write_text(json.dumps(cursor.__dict__))
    part.replace(directory / "cursor.json")
