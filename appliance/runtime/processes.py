"""The processes of a container, as the host sees them."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.runtime import cgroup

_STAT = re.compile(r"\d+ \((.*)\) (\S) (-?\d+) (-?\d+) (-?\d+) (-?\d+) ", re.DOTALL)
_NAME = re.compile(r"[^A-Za-z0-9._+-]")
# The server of a notebook keeps what the container has; what works for it goes first when memory runs out.
_EXPENDABLE = 500


@dataclass(frozen=True)
class Process:
    """name: at most 15 plain characters. terminal: whether it has one. session: the pid of what began its session."""

    pid: int
    name: str
    state: str
    parent: int
    session: int
    terminal: bool


def of_container(pid: int) -> list[Process]:
    """All processes in the cgroup of this pid; one file read for each."""
    found = []
    for one in cgroup.pids_of(pid):
        with suppress(OSError):
            process = parse(one, Path(f"/proc/{one}/stat").read_text(errors="replace"))
            if process is not None:
                found.append(process)
    return found


def parse(pid: int, stat: str) -> Process | None:
    """A process from /proc/PID/stat. The name in there is its own choice and may hold anything."""
    matched = re.match(_STAT, stat)
    if matched is None:
        return None
    name, state, parent, _group, session, terminal = matched.groups()
    plain = _NAME.sub("", name)[:15] or "?"
    return Process(pid, plain, state, int(parent), int(session), int(terminal) != 0)


def in_terminal(found: list[Process]) -> Process | None:
    """A program that somebody runs in a terminal: neither its shell nor stopped."""
    for process in found:
        if process.terminal and process.pid != process.session and process.state not in "TtZXx":
            return process
    return None


def make_expendable(init: int, found: list[Process]) -> None:
    """Let the kernel take these before the main program when memory runs out. init: the container's first process."""
    with suppress(OSError):
        ours = Path(f"/proc/{init}/cgroup").read_text()
        for process in found:
            if init not in (process.pid, process.parent):
                _raise_score(process.pid, ours)


def _raise_score(pid: int, cgroups: str) -> None:
    """Through one descriptor: a pid that was given to a stranger meanwhile is not touched."""
    with suppress(OSError):  # it is gone
        directory = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            ours = _read(directory, "cgroup") == cgroups
            if ours and int(_read(directory, "oom_score_adj")) < _EXPENDABLE:
                _write(directory, "oom_score_adj", _EXPENDABLE)
        finally:
            os.close(directory)


def _read(directory: int, name: str) -> str:
    with open(os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)) as file:
        return file.read()


def _write(directory: int, name: str, value: int) -> None:
    with open(os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory), "w") as file:
        file.write(str(value))
