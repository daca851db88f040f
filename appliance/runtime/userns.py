"""A short-lived process of ours in a team's user namespace: root there is nobody to the host.

The child is a module of the standard library alone, started afresh (a fork of a threaded process is
no place to work in). It unshares, waits for us to write its id maps, and drops what it does not
need before it looks at a file. See `_userns_child.py` for the other half.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.config import UIDS_PER_TEAM
from appliance.errors import (
    ApplianceError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TryAgain,
    Unavailable,
)

_CHILD = "appliance.runtime._userns_child"
_PACKAGES = Path(__file__).parent.parent.parent
# Without site-packages: the child imports what is named here, before it gives up its identity.
_START = "import importlib, sys; sys.path[:0] = sys.argv[2:]; importlib.import_module(sys.argv[1]).main()"
_ERRORS: dict[str, type[ApplianceError]] = {
    error.__name__: error for error in (Conflict, Forbidden, Invalid, NotFound, TryAgain)
}


def run_in_userns(
    uid_start: int,
    root: Path,
    request: Mapping[str, Any],
    *,
    spool: int | None = None,
    timeout_s: float = 30,
    child: str = _CHILD,
    libraries: Sequence[Path] = (),
) -> dict[str, Any]:
    """Let the child do `request["op"]` below root; its answer.

    child: the module whose main() it is. libraries: where the modules lie that it imports beside ours.

    root: opened here, by root, so the directories above it may be closed to the team; not a
    symbolic link.
    spool: a descriptor that the child may fill or read. Blocks for timeout_s at most
    (Unavailable). Raises what the child reports: NotFound, Invalid, Forbidden, Conflict, TryAgain.
    """
    with _root_fd(root) as root_fd:
        fds = [root_fd] if spool is None else [root_fd, spool]
        ours = {"seconds": int(timeout_s) + 1, "spool": spool, "root": root_fd}
        body = json.dumps({**request, **ours}).encode()
        answer = _converse(
            [child, str(_PACKAGES), *map(str, libraries)], uid_start, fds, body, timeout_s
        )
    if "error" in answer:
        raise _ERRORS[answer["error"]](answer["message"])
    return answer


@contextmanager
def _root_fd(root: Path) -> Iterator[int]:
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(root, flags)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound("this directory does not exist") from error
    try:
        yield fd
    finally:
        os.close(fd)


def _converse(
    arguments: list[str], uid_start: int, fds: list[int], body: bytes, timeout_s: float
) -> dict[str, Any]:
    ends = time.monotonic() + timeout_s
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", _START, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=fds,
        cwd="/",
        env={"LC_ALL": "C.UTF-8"},
    )
    with process:
        try:
            _await_unshared(process, ends)
            _write_maps(process.pid, uid_start)
            out, said = process.communicate(body, timeout=max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"work on files took longer than {timeout_s:g} s") from error
        except OSError as error:
            raise _failed(str(error)) from error
        finally:
            process.kill()
    if process.returncode != 0:  # a signal, a limit, a bug
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise _failed(*last or [f"it ended with {process.returncode}"])
    return json.loads(out)


def _failed(words: str) -> Unavailable:
    return Unavailable(f"work on files failed: {words}", hint="see `appliance doctor`")


def _await_unshared(process: subprocess.Popen[bytes], ends: float) -> None:
    """The child's first byte says that it is in its own namespace."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], max(0.0, ends - time.monotonic()))
    if not ready:
        raise subprocess.TimeoutExpired(process.args, 0)
    if os.read(process.stdout.fileno(), 1) != b"u":
        raise OSError("it ended before it began")


def _write_maps(pid: int, uid_start: int) -> None:
    line = f"0 {uid_start} {UIDS_PER_TEAM}\n"
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{name}").write_text(line)
