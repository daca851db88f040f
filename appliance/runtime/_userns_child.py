"""The process inside the team's user namespace: one request on stdin, one answer on stdout.

Nothing but the standard library, and nothing imported after the identity is dropped. Everything on
disk is hostile: names, links, FIFOs, depth, and a second process that renames things while we look.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import secrets
import signal
import stat
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_CLONE_NEWUSER = 0x10000000
_PR_SET_NO_NEW_PRIVS = 38
_SYS_OPENAT2 = 437
_BENEATH = 0x08 | 0x02  # RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS
_TRIES = 50  # openat2 answers EAGAIN when somebody renames at the same moment
_MEMORY = 1 << 30
_FILES = 64
_CHUNK = 1 << 20
_RENAME_NOREPLACE = 1
_WRITES = ("read", "archive", "write")

_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """An answer for the parent: the name of one of its errors, and a sentence."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.answer = {"error": error, "message": message}


class OpenHow(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


def open_beneath(root: int, path: str, flags: int) -> int:
    """A descriptor for path, which can't lead out of root, by links or otherwise."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    how = OpenHow(flags, 0, _BENEATH)
    name = os.fsencode(path or ".")
    for _ in range(_TRIES):
        fd = _libc.syscall(_SYS_OPENAT2, root, name, ctypes.byref(how), ctypes.sizeof(how))
        if fd >= 0:
            return fd
        if ctypes.get_errno() != errno.EAGAIN:
            break
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code))


def open_dir(root: int, path: str) -> int:
    """As open_beneath, a directory for reading."""
    return open_beneath(root, path, os.O_RDONLY | os.O_DIRECTORY)


def describe(name: str, info: os.stat_result, directory: int, link: str) -> dict[str, Any]:
    """What the file browser shows. link: what to read the target of, relative to directory."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(info.st_mode), "other")
    return {
        "name": name,
        "type": kind,
        "size": info.st_size,
        "mtime_ms": info.st_mtime_ns // 1_000_000,
        "target": os.readlink(link, dir_fd=directory) if kind == "link" else "",
    }


def op_list(root: int, request: dict[str, Any]) -> dict[str, Any]:
    fd = open_dir(root, request["path"])
    entries: list[dict[str, Any]] = []
    with os.scandir(fd) as found:
        for entry in found:
            if len(entries) == request["limit"]:
                return {"entries": entries, "cut": True}
            try:
                info = entry.stat(follow_symlinks=False)
                entries.append(describe(entry.name, info, fd, entry.name))
            except FileNotFoundError:
                continue  # deleted meanwhile
    return {"entries": entries, "cut": False}


def op_stat(root: int, request: dict[str, Any]) -> dict[str, Any]:
    fd = open_beneath(root, request["path"], os.O_PATH)
    return describe(os.path.basename(request["path"]), os.fstat(fd), fd, "")


def op_read(root: int, request: dict[str, Any]) -> dict[str, Any]:
    # O_NONBLOCK: opening a FIFO must not wait for somebody to write into it
    fd = open_beneath(root, request["path"], os.O_RDONLY | os.O_NONBLOCK)
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        raise Failure("Invalid", "only regular files can be read")
    copied, limit, spool = 0, request["limit"], request["spool"]
    while copied < limit:
        count = os.sendfile(spool, fd, None, min(_CHUNK, limit - copied))
        if count == 0:
            break
        copied += count
    # One byte more tells, whatever size the file claims to have (those of /proc claim none).
    cut = bool(os.read(fd, 1))
    return {"copied": copied, "cut": cut, "mtime_ms": info.st_mtime_ns // 1_000_000}


def op_make_dir(root: int, request: dict[str, Any]) -> dict[str, Any]:
    parent, name = split(request["path"])
    directory = open_dir(root, parent)
    try:
        os.mkdir(name, request["mode"], dir_fd=directory)
    except FileExistsError:
        if request["new"]:
            raise
        if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            raise Failure("Conflict", "there is something else by this name") from None
    return {}


def op_write(root: int, request: dict[str, Any]) -> dict[str, Any]:
    """A file with the content of the spool: there whole or not at all."""
    parent, name = split(request["path"])
    directory = open_dir(root, parent)
    part = f".upload-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    target = os.open(part, flags, 0o644, dir_fd=directory)
    try:
        while os.sendfile(target, request["spool"], None, _CHUNK):
            pass
        os.fsync(target)
        rename(directory, part, directory, name, request["replace"])
    except BaseException:
        os.unlink(part, dir_fd=directory)
        raise
    finally:
        os.close(target)
    return {}


def op_rename(root: int, request: dict[str, Any]) -> dict[str, Any]:
    parent, name = split(request["path"])
    directory = open_dir(root, parent)
    target, fresh = split(request["to"])
    rename(directory, name, open_dir(root, target), fresh, False)
    return {}


def rename(source: int, name: str, target: int, fresh: str, replace: bool) -> None:
    """A new name, in place of what has it only if `replace`."""
    if replace:
        os.rename(name, fresh, src_dir_fd=source, dst_dir_fd=target)
        return
    names = os.fsencode(name), os.fsencode(fresh)
    if _libc.renameat2(source, names[0], target, names[1], _RENAME_NOREPLACE) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def op_archive(root: int, request: dict[str, Any]) -> dict[str, Any]:
    """A directory's regular files as a zip in the spool; links and devices stay out."""
    count = 0
    with open(request["spool"], "wb", closefd=False) as out, zipfile.ZipFile(out, "w") as archive:
        waiting = [request["path"]]
        while waiting:
            folder = waiting.pop()
            directory = open_dir(root, folder)
            for name in os.listdir(directory):
                count += 1
                if count > request["entries"]:
                    raise Failure("Invalid", "this folder holds too many files to download at once")
                path = f"{folder}/{name}".lstrip("/")
                if is_directory(directory, name):
                    waiting.append(path)
                else:
                    add_file(
                        archive, directory, name, os.path.relpath(path, request["path"] or ".")
                    )
            os.close(directory)
    return {"copied": os.fstat(request["spool"]).st_size, "cut": False, "mtime_ms": 0}


def is_directory(directory: int, name: str) -> bool:
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode)


def add_file(archive: zipfile.ZipFile, directory: int, name: str, path: str) -> None:
    """One regular file, lightly packed; anything else, and what has just gone, is left out."""
    try:
        fd = open_beneath(directory, name, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.ENODEV):
            return
        raise
    with open(fd, "rb") as source:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            return
        # the format knows no earlier and no later times, and no names that are no text
        date = time.gmtime(min(max(info.st_mtime, 315_532_800), 4_354_819_198))[:6]
        entry = zipfile.ZipInfo(os.fsencode(path).decode("utf-8", "replace"), date)
        entry.compress_type, entry.external_attr = (
            zipfile.ZIP_DEFLATED,
            (info.st_mode & 0xFFFF) << 16,
        )
        entry._compresslevel = 1  # type: ignore[attr-defined]  # what ZipFile.open reads; no public name in 3.11
        with archive.open(entry, "w", force_zip64=True) as packed:
            while chunk := source.read(_CHUNK):
                packed.write(chunk)


def op_remove_tree(root: int, request: dict[str, Any]) -> dict[str, Any]:
    ends = time.monotonic() + request["limit_s"]
    if not request["path"]:
        empty(root, ends)
        return {}
    parent, name = split(request["path"])
    directory = open_dir(root, parent)
    try:
        os.unlink(name, dir_fd=directory)
    except IsADirectoryError:
        top = open_dir(directory, name)
        empty(top, ends)
        os.rmdir(name, dir_fd=directory)
    return {}


def empty(directory: int, ends: float) -> None:
    """Delete everything in there; links themselves, never what they lead to.

    A nest of any depth costs no recursion and two descriptors: what lies in a subdirectory's
    subdirectories is lifted to the top first. Each directory moves once.
    """
    top = open_dir(directory, "")  # the root comes as O_PATH, which can't be listed
    while os.listdir(top):
        for name in names_until(ends, top):
            try:
                os.unlink(name, dir_fd=top)
            except IsADirectoryError:
                lift(top, name, ends)
            except FileNotFoundError:
                continue  # somebody else was faster
    os.close(top)


def lift(top: int, name: str, ends: float) -> None:
    """Remove a subdirectory of top, after moving its own subdirectories up to top."""
    inner = open_dir(top, name)
    try:
        for child in names_until(ends, inner):
            try:
                os.unlink(child, dir_fd=inner)
            except IsADirectoryError:
                fresh = f".removing-{secrets.token_hex(8)}"
                os.rename(child, fresh, src_dir_fd=inner, dst_dir_fd=top)
        os.rmdir(name, dir_fd=top)
    except OSError as error:
        # Somebody works in here at this moment: the next round of `empty` sees what is left.
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
            raise
    finally:
        os.close(inner)


def names_until(ends: float, directory: int) -> Iterator[str]:
    """The names in there; TryAgain once the time is over."""
    for name in os.listdir(directory):
        if time.monotonic() > ends:
            raise Failure("TryAgain", "there is more to delete than fits into one turn")
        yield name


def split(path: str) -> tuple[str, str]:
    """Parent and last name of a path that is to be made or deleted."""
    parent, name = os.path.split(path.rstrip("/"))
    if name in ("", ".", ".."):
        raise Failure("Invalid", "this is no name of a file or directory")
    return parent, name


Operations = Mapping[str, Callable[[int, dict[str, Any]], dict[str, Any]]]
OPERATIONS: Operations = {
    "list": op_list,
    "stat": op_stat,
    "read": op_read,
    "make_dir": op_make_dir,
    "write": op_write,
    "rename": op_rename,
    "archive": op_archive,
    "remove_tree": op_remove_tree,
}

_MEANINGS = {
    errno.ENOENT: ("NotFound", "there is no such file or directory"),
    errno.ENOTDIR: ("NotFound", "there is no such directory"),
    errno.EACCES: ("Forbidden", "this belongs to somebody else"),
    errno.EPERM: ("Forbidden", "this belongs to somebody else"),
    errno.EXDEV: ("Invalid", "this leads out of its directory"),
    errno.ELOOP: ("Invalid", "this is a link; open what it leads to"),
    errno.ENAMETOOLONG: ("Invalid", "this name is too long"),
    errno.EISDIR: ("Conflict", "there is a folder by this name"),
    errno.EEXIST: ("Conflict", "there is something by this name already"),
    errno.ENOTEMPTY: ("Conflict", "there is something by this name already"),
    errno.EINVAL: ("Invalid", "a folder can't be moved into itself"),
    errno.EFBIG: ("Invalid", "this is too large"),
    errno.ENOSPC: ("Conflict", "the disk is full"),
    errno.EDQUOT: ("Conflict", "the disk is full"),
    errno.ENXIO: ("Invalid", "only regular files can be read"),
    errno.ENODEV: ("Invalid", "only regular files can be read"),
}


def answer(request: dict[str, Any], operations: Operations) -> dict[str, Any]:
    """Do it; what goes wrong because of the files becomes an answer, all else ends the process."""
    try:
        if "\0" in request["path"] or request["path"].startswith("/"):
            raise Failure("Invalid", "a path is relative and holds no zero byte")
        return operations[request["op"]](request["root"], request)
    except Failure as failure:
        return failure.answer
    except UnicodeEncodeError:
        return {"error": "Invalid", "message": "this is no name that a disk can hold"}
    except OSError as error:
        word, message = _MEANINGS.get(error.errno or 0, ("Conflict", error.strerror or "failed"))
        return {"error": word, "message": message}


def enter() -> dict[str, Any]:
    """Into the namespace, once the parent has written the maps; the request then comes on stdin."""
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    os.write(1, b"u")
    # The parent sends nothing before the maps stand.
    request = json.loads(sys.stdin.buffer.read())
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return request


def _written(request: dict[str, Any]) -> int:
    """How large the files of an operation may become that says no more than its limit."""
    size: int = request.get("limit", 0) if request["op"] in _WRITES else 0
    return size


def limit(request: dict[str, Any]) -> None:
    """What a hostile tree can cost us."""
    signal.alarm(request["seconds"])  # should the parent die before us
    limits = {
        resource.RLIMIT_CPU: request["seconds"],
        resource.RLIMIT_AS: request.get("memory_bytes", _MEMORY),
        resource.RLIMIT_NOFILE: _FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: request.get("file_bytes", _written(request)),
    }
    for which, value in limits.items():
        resource.setrlimit(which, (value, value))


def serve(operations: Operations) -> None:
    """Do one request."""
    request = enter()
    limit(request)
    os.umask(0o022)
    sys.stdout.write(json.dumps(answer(request, operations)))


def main() -> None:
    serve(OPERATIONS)
