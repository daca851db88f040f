"""The data directory with its owners and modes: who may pass, read and write where."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.config import Config
from appliance.crypto import new_key_line
from appliance.errors import Invalid
from appliance.runtime import room

SECRET_BYTES = 32


@dataclass(frozen=True)
class Place:
    """A directory that has to be there, with owner, group and mode bits (setgid included)."""

    path: Path
    uid: int
    gid: int
    mode: int


def places(config: Config) -> list[Place]:
    """All directories, parents first. Where web may write there is nothing of root's or users'."""
    paths, web, proxy = config.paths, config.web_uid, config.proxy_uid
    return [
        Place(paths.root, 0, 0, 0o711),
        Place(paths.database.parent, web, web, 0o750),
        Place(paths.run, 0, 0, 0o711),
        Place(paths.http, web, proxy, 0o2710),  # setgid: sockets made there belong to nginx's group
        Place(paths.wake.parent, 0, web, 0o2770),
        Place(paths.sockets, 0, 0, 0o711),
        Place(paths.env, 0, 0, 0o700),
        Place(paths.slots, 0, 0, 0o711),
        Place(paths.spool, 0, proxy, 0o710),
        Place(paths.run / "pid", 0, 0, 0o755),
        Place(paths.run / "log", 0, 0, 0o750),
        Place(paths.logs, 0, web, 0o710),  # nginx is in web's group
        Place(paths.notebooks, 0, 0, 0o711),
        Place(paths.envs, 0, 0, 0o711),
        Place(paths.storage, 0, 0, 0o711),
        Place(paths.work, 0, 0, 0o711),
        Place(paths.networks, 0, 0, 0o700),
        Place(paths.plugins, 0, 0, 0o755),
        Place(paths.tls, 0, 0, 0o700),
    ]


def ensure_layout(config: Config) -> None:
    """Make or correct every directory, the keys, the empty database and the wake file.

    Repeatable. Invalid if something else, a symlink above all, stands where a directory belongs.
    """
    room.make(config.paths)
    for place in places(config):
        ensure_directory(place)
    paths, web = config.paths, config.web_uid
    ensure_secret(paths.secret_key, web)
    ensure_secret(paths.key_ring, web, f"{new_key_line()}\n".encode())
    _ensure_file(paths.wake, 0, web, 0o664)
    # Made for web here, for whoever opens a missing database first, root perhaps, would own it.
    _ensure_file(paths.database, web, web, 0o640)


def ensure_directory(place: Place) -> None:
    """Make one directory or correct its owner and mode, not its content. Invalid as above."""
    place.path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    try:
        place.path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    with _opened(place.path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        _correct(descriptor, place.uid, place.gid, place.mode)


def ensure_secret(path: Path, gid: int, content: bytes = b"") -> None:
    """A key, made once: of two that try at the same time one wins. content: SECRET_BYTES random bytes if not given."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    if not path.is_symlink() and not path.exists():
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content or secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        finally:
            part.unlink()
    with _opened(path, os.O_RDONLY) as descriptor:
        _correct(descriptor, 0, gid, 0o640)


def _ensure_file(path: Path, uid: int, gid: int, mode: int) -> None:
    with _opened(path, os.O_RDWR | os.O_CREAT) as descriptor:
        state = os.fstat(descriptor)
        # Web can put another of its names for a file here; root must not hand that file over.
        if not stat.S_ISREG(state.st_mode) or state.st_nlink != 1:
            raise Invalid(f"{path} is not a file of its own", hint="move it away")
        _correct(descriptor, uid, gid, mode)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    """A descriptor: what it stands for can't be exchanged between a look and a correction."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO):
            raise
        kind = "a symlink" if path.is_symlink() else "something else"
        raise Invalid(
            f"{path} is {kind}", hint="move it away; for another disk use a bind mount or --data"
        ) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _correct(descriptor: int, uid: int, gid: int, mode: int) -> None:
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (uid, gid):
        os.fchown(descriptor, uid, gid)
        now = os.fstat(descriptor)  # chown takes the setgid bit away
    if now.st_mode & 0o7777 != mode:
        os.fchmod(descriptor, mode)
