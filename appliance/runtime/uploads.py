"""Files on their way in: web writes their pieces one behind the other, the supervisor takes the whole.

An upload is a file of web's own. Its name says whose it is, so that nobody goes on with another's.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from appliance.config import Config
from appliance.db import Db
from appliance.errors import Conflict, Invalid, NotFound, Refused
from appliance.runtime import room

KEEP_S = 86_400
AT_ONCE = 32  # unfinished ones of a user
_CHUNK = 1 << 20
_TOKEN = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[a-z0-9]{4,40}-[a-z0-9]{4,40}-[0-9a-f]{32}")


def name_of(owner: str, user_id: str, token: str) -> str:
    """The upload that a user's browser calls by a token of its own; Invalid for what is none."""
    name = f"{user_id}-{owner}-{token}"
    if not _TOKEN.fullmatch(token) or not _NAME.fullmatch(name):
        raise Invalid("an upload is named by 32 hexadecimal digits")
    return name


def append(config: Config, db: Db, name: str, offset: int, piece: IO[bytes]) -> int:
    """Write a piece at its place; the size so far. A piece may be sent again.

    Conflict when something is missing before it, its message the size so far; Refused when the disk is nearly full.
    """
    path = config.paths.uploads / name
    room.require(config.paths, db)
    user = name.partition("-")[0]
    if not path.exists():
        if offset != 0:
            raise Conflict("0", hint="send the piece that begins there")
        if len(list(path.parent.glob(f"{user}-*"))) >= AT_ONCE:
            raise Refused("too many unfinished uploads", hint="they go away after a day")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if not 0 <= offset <= size:
            raise Conflict(str(size), hint="send the piece that begins there")
        file.seek(offset)
        shutil.copyfileobj(piece, file, _CHUNK)
        file.truncate()
        return file.tell()


@contextmanager
def opened(config: Config, name: str) -> Iterator[tuple[int, int]]:
    """An upload's descriptor and size, for root: web could have put anything there. NotFound if there is none."""
    try:
        if not _NAME.fullmatch(name):
            raise FileNotFoundError
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(config.paths.uploads / name, flags)
    except OSError:
        raise NotFound("there is no such upload", hint="send the file again") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != config.web_uid or found.st_nlink != 1:
            raise NotFound("there is no such upload", hint="send the file again")
        yield descriptor, found.st_size
    finally:
        os.close(descriptor)


def forget(config: Config, name: str) -> None:
    """It was taken, or nobody wants it."""
    if _NAME.fullmatch(name):
        (config.paths.uploads / name).unlink(missing_ok=True)


def sweep(config: Config) -> None:
    """Drop what nobody went on with for a day."""
    oldest = time.time() - KEEP_S
    for path in config.paths.uploads.iterdir():
        try:
            if path.lstat().st_mtime < oldest:
                path.unlink()
        except FileNotFoundError:
            continue  # taken in this very moment
