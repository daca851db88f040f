"""Secret variables of a container: a file in memory, which a static shell inside turns into the environment.

A variable that the engine is told stands in clear in its own files and in what `inspect` says. A file does not: it lies on a
tmpfs that only root enters and is mounted into the one container, readable there for whatever user the image runs as.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from appliance.runtime import socketdir
from appliance.runtime.backend import Bind

_OPTIONS = "nosuid,nodev,noexec,size=16m,nr_inodes=8,mode=0700"
_INSIDE = "/run/appliance"
_FILE = f"{_INSIDE}/env"
_BUSYBOX = f"{_INSIDE}/busybox"  # it does by its last name what its first argument says
# Of Debian's busybox-static, which needs nothing of the image. It would run an applet of its own for a name like `sh`:
# so the program is searched for here. Variables whose names no shell can have do not come through.
_SCRIPT = """. "$0"
case $1 in
*/*) exec "$@" ;;
esac
_appliance_program=$(IFS=:; set -f; for dir in $PATH; do
    [ -f "${dir:-.}/$1" ] && [ -x "${dir:-.}/$1" ] && echo "${dir:-.}/$1" && break
done)
[ -n "$_appliance_program" ] || { echo "$1: not found" >&2; exit 127; }
shift
exec "$_appliance_program" "$@"
"""
ENTRYPOINT = (_BUSYBOX, "sh", "-c", _SCRIPT, _FILE)
HOST_BUSYBOX = Path("/bin/busybox")


def put(root: Path, workload_id: str, values: Mapping[str, str]) -> tuple[Bind, ...]:
    """Write the file of a workload anew; what to mount."""
    directory = root / workload_id
    socketdir.ensure_tmpfs(directory, _OPTIONS)
    part = directory / "part"
    part.write_text(text(values))
    part.chmod(0o444)  # root inside is nobody here, and the image's user is anybody
    part.replace(directory / "env")
    return (
        Bind(directory / "env", _FILE, read_only=True),
        Bind(HOST_BUSYBOX, _BUSYBOX, read_only=True),
    )


def text(values: Mapping[str, str]) -> str:
    """The file for `.` in a shell: between single quotes every character is itself."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def remove(root: Path, workload_id: str) -> None:
    """Delete the file of a workload; gone already is fine."""
    socketdir.remove(root / workload_id)
