"""One small tmpfs per workload for the socket that its program listens on.

The program owns the directory and may put a symbolic link in the socket's place, which nginx would
follow on the host. On a `nosymfollow` mount the kernel refuses to.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from appliance.errors import Unavailable

_TIMEOUT_S = 15
_OPTIONS = "nosymfollow,nosuid,nodev,noexec,size=256k,nr_inodes=64,mode=0711"
_OCTAL = re.compile(r"\\([0-7]{3})")  # how mountinfo writes blanks and backslashes


def ensure(path: Path, uid: int) -> None:
    """Mount it, owned by this id and group, unless it is mounted. The parent must exist."""
    ensure_tmpfs(path, f"{_OPTIONS},uid={uid},gid={uid}")


def ensure_tmpfs(path: Path, options: str) -> None:
    """Mount one unless it is mounted. The parent must exist."""
    path = path.parent.resolve() / path.name  # as mountinfo writes it
    if path in mounted(path.parent):
        return
    path.mkdir(mode=0o711, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", options, "appliance", str(path))


def remove(path: Path) -> None:
    """Unmount and delete it, though containers may still have it open; gone already is fine."""
    path = path.parent.resolve() / path.name
    for _ in range(mounted(path.parent).count(path)):
        _run("umount", "--lazy", "--no-canonicalize", str(path))
    if path.is_dir():
        path.rmdir()


def mounted(root: Path) -> list[Path]:
    """Mount points at any depth below root (a path without links); stacked ones more than once."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [Path(_OCTAL.sub(_decode, line.split(" ")[4])) for line in lines]
    return [point for point in points if root in point.parents]


def _decode(match: re.Match[str]) -> str:
    return chr(int(match.group(1), 8))


def _run(*argv: str) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(
            f"{argv[0]} can't be run: {error}", hint="see `appliance doctor`"
        ) from error
    if done.returncode != 0:
        words = " ".join(done.stderr.split())[:400]
        raise Unavailable(f"{argv[0]} failed: {words}", hint="see `appliance doctor`")
