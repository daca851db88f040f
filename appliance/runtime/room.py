"""Room on the disk: how much is left, and what goes on when nothing is.

Nobody can be kept from filling the disk that notebooks lie on. So the database has room of its own: free pages inside its
file, and a log as long, both written once and used again. Sign-in, stop and delete need no more than that. For files of our
own, at the start of the services or of a notebook, there is a ballast to throw away.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from appliance import settings
from appliance.db import Db, execute, row, script, write
from appliance.errors import Refused
from appliance.paths import Paths
from appliance.runtime.limits import DISK_RESERVE

MIB = 1 << 20
DATABASE_BYTES = 8 * MIB
BALLAST_BYTES = 64 * MIB
FULL_BYTES = 2 * BALLAST_BYTES  # a disk is full still when nothing but the ballast was thrown away
FEW_FILES = 1000
LEVELS = (80, 90, 95)  # of the disk, in percent

migrations = Migrations("room")


@migrations()
def m001_room(db: Database) -> None:
    script(db, "CREATE TABLE room (filler BLOB NOT NULL)")


@dataclass(frozen=True)
class Space:
    """Of the file system with the data. free_bytes: for those who are not root. percent: of bytes or of files, the greater.

    files_left: whether more than a few can be made; file systems without a fixed number of files always have some left.
    """

    total_bytes: int
    free_bytes: int
    percent: int
    files_left: bool = True

    @property
    def level(self) -> int:
        """The greatest of LEVELS that it has reached, else 0."""
        return max((level for level in LEVELS if self.percent >= level), default=0)

    @property
    def full(self) -> bool:
        return not self.files_left or self.free_bytes < min(FULL_BYTES, self.total_bytes // 20)


def space(paths: Paths) -> Space:
    """What is left. Microseconds."""
    found = os.statvfs(paths.root)
    size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    percent = max(
        _percent(found.f_blocks - found.f_bfree, found.f_bavail),
        _percent(found.f_files - found.f_ffree, found.f_favail),
    )
    return Space(size, free, percent, found.f_files == 0 or found.f_favail > FEW_FILES)


def _percent(used: int, free: int) -> int:
    """As df says it: rounded up."""
    return -(-100 * used // (used + free)) if used + free else 0


def require(paths: Paths, db: Db, needed_bytes: int = 0) -> None:
    """Refused when so many bytes would eat into the reserve that the admin's setting keeps."""
    reserve = min(settings.get(db, DISK_RESERVE) * MIB, space(paths).total_bytes // 20)
    found = space(paths)
    if found.free_bytes < reserve + needed_bytes:
        raise Refused(
            f"the disk is nearly full: {found.free_bytes // MIB} MiB are free, {reserve // MIB} MiB are kept in reserve",
            hint="delete something, or ask an admin",
        )


def keep_in_database(db: Db) -> bool:
    """Have free pages in the database and blocks behind its log; False when the disk has none to give. Repeatable."""
    page_bytes = _pragma(db, "page_size")
    if _pragma(db, "freelist_count") * page_bytes >= DATABASE_BYTES // 2:
        return True
    try:
        with write(db):
            execute(db, "INSERT INTO room VALUES (zeroblob(?))", (DATABASE_BYTES,))
        # Into the file itself: a page that only the log has is not there when the log begins anew.
        row(db, "PRAGMA wal_checkpoint(PASSIVE)")
    except db.conn.OperationalError as error:
        if error.sqlite_errorname not in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):
            raise
        return False
    finally:
        if row(db, "SELECT 1 FROM room LIMIT 1"):
            with write(db):
                execute(db, "DELETE FROM room")
    return True


def _pragma(db: Db, name: str) -> int:
    found = row(db, f"PRAGMA {name}")
    return int(found[name]) if found else 0


def keep_ballast(paths: Paths) -> None:
    """Have something to throw away, while there is more than enough room for it. Repeatable."""
    if space(paths).free_bytes < 10 * BALLAST_BYTES or paths.ballast.exists():
        return
    part = paths.ballast.with_suffix(".part")
    try:
        _allocate(part)
        part.rename(paths.ballast)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EOPNOTSUPP):
            raise


def _allocate(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
    finally:
        os.close(descriptor)


def make(paths: Paths) -> bool:
    """Throw the ballast away when the disk is full; whether it is."""
    if not paths.root.is_dir() or not space(paths).full:
        return False
    paths.ballast.unlink(missing_ok=True)
    return True
