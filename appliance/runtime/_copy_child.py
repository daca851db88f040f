"""Copies files from one team's user namespace to another's: one process packs, a second one unpacks, a pipe in between.

Only regular files, directories and links go through; a tree is measured before it is read, and what is read while it
changes fails. Imports beside ours: pathspec. See `_userns_child.py`.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pathspec import GitIgnoreSpec

from appliance.runtime._userns_child import Failure, open_beneath, open_dir, serve, split

INCLUDE_FILE = ".notebookinclude"
# As in .gitignore, but what matches is taken; the user's own lines follow.
DEFAULTS = ("*.md", "*.ipynb", f"/{INCLUDE_FILE}", "/.gradient/")
_NEVER = (".git", ".ipynb_checkpoints")
_ENVIRONMENT = "pyvenv.cfg"  # marks a directory of installed packages
_RULES_BYTES = 1 << 16
_INDEX_BYTES = 64 << 20
_CHUNK = 1 << 20
_HASH_BYTES, _STAT_BYTES = 20, 40


@dataclass(frozen=True)
class Found:
    """A name in a tree. info: of the name itself, not of what a link leads to."""

    path: str
    info: os.stat_result


def walk(root: int) -> Iterator[Found]:
    """Everything below root but repositories' insides and installed packages; parents before what is in them."""
    left = [""]
    while left:
        path = left.pop()
        try:
            directory = open_dir(root, path)
        except OSError:
            continue  # deleted or replaced meanwhile
        with os.scandir(directory) as listed:
            entries = list(listed)
            if path and any(entry.name == _ENVIRONMENT for entry in entries):
                entries = []
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                inner = f"{path}/{entry.name}".lstrip("/")
                if stat.S_ISDIR(info.st_mode):
                    if entry.name not in _NEVER:
                        left.append(inner)
                else:
                    yield Found(inner, info)
        os.close(directory)


def content(root: int, path: str, most_bytes: int) -> bytes:
    """A small file, or b"" where there is none."""
    try:
        fd = open_beneath(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""
        return file.read(most_bytes)


def chooser(root: int) -> Callable[[str], bool]:
    """Which paths are taken: by the rules, and what git knows of unless a rule excludes it."""
    lines = content(root, INCLUDE_FILE, _RULES_BYTES).decode(errors="surrogateescape").splitlines()
    try:
        rules = GitIgnoreSpec.from_lines([*DEFAULTS, *lines])
    except ValueError as error:
        raise Failure("Invalid", f"{INCLUDE_FILE} can't be read: {error}"[:500]) from None
    known = tracked(content(root, ".git/index", _INDEX_BYTES))

    def chosen(path: str) -> bool:
        included = rules.check_file(path).include
        return path in known if included is None else included

    return chosen


def tracked(index: bytes) -> frozenset[str]:
    """The paths in git's index (gitformat-index, versions 2 to 4); none of one that is damaged.

    Read here, because git itself would heed a configuration that users write.
    """
    if index[:4] != b"DIRC":
        return frozenset()
    version, count = int.from_bytes(index[4:8], "big"), int.from_bytes(index[8:12], "big")
    found, place, name = [], 12, b""
    for _ in range(count):
        start = place
        place += _STAT_BYTES + _HASH_BYTES
        flags = int.from_bytes(index[place : place + 2], "big")
        place += 4 if flags & 0x4000 else 2
        if version == 4:
            cut, place = offset(index, place)
            name = name[: len(name) - cut]
        end = index.find(b"\0", place)
        if end < 0 or version not in (2, 3, 4):
            return frozenset()
        name = (name if version == 4 else b"") + index[place:end]
        place = end + 1 if version == 4 else start + (end - start + 8) // 8 * 8
        found.append(os.fsdecode(name))
    return frozenset(found)


def offset(index: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, as packs have it, and where it ends."""
    value, more = 0, True
    while more and place < len(index):
        byte = index[place]
        value, more, place = value << 7 | byte & 0x7F, bool(byte & 0x80), place + 1
        value += more
    return value, place


def op_pack(root: int, request: dict[str, Any]) -> dict[str, Any]:
    """Write an archive to the spool; how many files and bytes it has."""
    chosen = chooser(root) if request["rules"] else lambda _: True
    taken, size = [], 0
    for found in walk(root):
        mode = found.info.st_mode
        if (stat.S_ISREG(mode) or stat.S_ISLNK(mode)) and chosen(found.path):
            taken.append(found)
            size += found.info.st_size
            if size > request["most_bytes"] or len(taken) > request["most_files"]:
                raise Failure("Invalid", "these are more or larger files than can be copied here")
    with open(request["spool"], "wb", closefd=False) as out:
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            for found in taken:
                add(archive, root, found)
    return {"files": len(taken), "size": size}


def target_of(root: int, path: str) -> str:
    parent, name = split(path)
    directory = open_dir(root, parent)
    try:
        return os.readlink(name, dir_fd=directory)
    finally:
        os.close(directory)


def add(archive: tarfile.TarFile, root: int, found: Found) -> None:
    member = tarfile.TarInfo(found.path)
    member.mode, member.mtime = found.info.st_mode & 0o777, int(found.info.st_mtime)
    if stat.S_ISLNK(found.info.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, target_of(root, found.path)
        archive.addfile(member)
        return
    with open(open_beneath(root, found.path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        member.size = os.fstat(file.fileno()).st_size
        if member.size > found.info.st_size or not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Failure("Conflict", f"{found.path[:200]!r} changed while it was copied")
        try:
            archive.addfile(member, file)
        except OSError as error:
            if error.args != ("unexpected end of data",):
                raise
            raise Failure("Conflict", f"{found.path[:200]!r} changed while it was copied") from None


def op_unpack(root: int, request: dict[str, Any]) -> dict[str, Any]:
    """Read an archive from the spool into root, which is empty and nobody else's.

    Links come last: until then no name leads anywhere else.
    """
    links, files, size = [], 0, 0
    with open(request["spool"], "rb", closefd=False) as given:
        with tarfile.open(fileobj=given, mode="r|") as archive:
            for member in archive:
                files, size = files + 1, size + member.size
                if files > request["most_files"] or size > request["most_bytes"]:
                    raise Failure("Invalid", "the archive has more than it said")
                if member.issym():
                    links.append((member.name, member.linkname))
                elif member.isreg():
                    write(root, member, archive)
        for path, target in links:
            parent, name = split(path)
            directory = made(root, parent)
            os.symlink(target, name, dir_fd=directory)
            os.close(directory)
    return {"files": files, "size": size}


def write(root: int, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
    parent, name = split(member.name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    directory = made(root, parent)
    given = archive.extractfile(member)
    assert given is not None
    with open(os.open(name, flags, 0o600, dir_fd=directory), "wb") as file:
        while part := given.read(_CHUNK):
            file.write(part)
        file.flush()
        os.utime(file.fileno(), (member.mtime, member.mtime))
        os.fchmod(file.fileno(), member.mode & 0o777)
    os.close(directory)


def made(root: int, path: str) -> int:
    """A descriptor of a directory, made with its parents where it is missing."""
    try:
        return open_dir(root, path)
    except FileNotFoundError:
        parent, name = split(path)
        directory = made(root, parent)
        os.mkdir(name, 0o755, dir_fd=directory)
        os.close(directory)
        return open_dir(root, path)


def main() -> None:
    serve({"pack": op_pack, "unpack": op_unpack})
