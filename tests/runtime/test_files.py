"""Users' files as hostile as they can be made, with real ids (needs root, no containers)."""

from __future__ import annotations

import os
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest

from appliance.errors import (
    ApplianceError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TryAgain,
    Unavailable,
)
from appliance.runtime.files import MAX_ENTRIES, TeamFiles

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="writes maps of user namespaces")

OURS = (1 << 30) + (3 << 16)
THEIRS = (1 << 30) + (4 << 16)


@pytest.fixture
def files(tmp_path: Path) -> TeamFiles:
    """A directory of the team's below one that only root may enter."""
    tmp_path.chmod(0o700)
    root = tmp_path / "root"
    root.mkdir(mode=0o700)
    os.chown(root, OURS, OURS)
    return TeamFiles(root, OURS)


def put(path: Path, content: bytes = b"hello", uid: int = OURS, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    os.chown(path, uid, uid)
    path.chmod(mode)
    return path


def read(files: TeamFiles, path: str, limit: int = 1000) -> bytes:
    with tempfile.TemporaryFile() as spool:
        copied = files.read(path, spool.fileno(), limit)
        spool.seek(0)
        content = spool.read()
    assert copied.size == len(content)
    return content


def test_lists_what_there_is(files: TeamFiles) -> None:
    put(files.root / "file", b"12345")
    os.utime(files.root / "file", ns=(0, 1_700_000_000_123_456_789))
    (files.root / "dir").mkdir()
    (files.root / "link").symlink_to("/etc/shadow")
    os.mkfifo(files.root / "fifo")
    listing = files.list_dir()
    found = {entry.name: entry for entry in listing.entries}
    assert not listing.cut
    assert {name: entry.type for name, entry in found.items()} == {
        "file": "file",
        "dir": "dir",
        "link": "link",
        "fifo": "other",
    }
    assert (found["file"].size, found["file"].mtime_ms) == (5, 1_700_000_000_123)
    assert found["link"].target == "/etc/shadow"
    assert files.stat("link") == found["link"]
    assert files.stat("file") == found["file"]


def test_names_may_be_anything(files: TeamFiles) -> None:
    names = [b"new\nline", b"\xff\xfe broken", "schön 🎈".encode(), b'"quoted"', b"-rf", b" "]
    for name in names:
        put(files.root / os.fsdecode(name), name)
    listed = [entry.name for entry in files.list_dir().entries]
    assert sorted(os.fsencode(name) for name in listed) == sorted(names)
    assert [read(files, name) for name in listed] == [os.fsencode(name) for name in listed]


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "..", "../x", "a/../../x", "out", "up/x", "magic/etc/passwd", "dir/../../x"],
)
def test_nothing_leads_out(files: TeamFiles, path: str) -> None:
    put(files.root.parent / "x")
    (files.root / "dir").mkdir()
    (files.root / "out").symlink_to("/etc/passwd")
    (files.root / "up").symlink_to("..")
    (files.root / "magic").symlink_to("/proc/self/root")
    with pytest.raises((Invalid, NotFound)):
        read(files, path)
    with pytest.raises((Invalid, NotFound)):
        files.list_dir(path)
    if path != "out":  # the link itself is theirs to delete
        with pytest.raises((Invalid, NotFound)):
            files.remove_tree(path)
    assert (files.root.parent / "x").exists()


def test_links_inside_are_followed_on_the_way_only(files: TeamFiles) -> None:
    (files.root / "dir").mkdir()
    put(files.root / "dir" / "file", b"inside")
    (files.root / "way").symlink_to("dir")
    (files.root / "end").symlink_to("dir/file")
    assert read(files, "way/file") == b"inside"
    with pytest.raises(Invalid, match="link"):
        read(files, "end")


def test_a_root_that_is_a_link_is_refused(files: TeamFiles) -> None:
    (files.root.parent / "alias").symlink_to(files.root)
    with pytest.raises(NotFound):
        TeamFiles(files.root.parent / "alias", OURS).list_dir()
    with pytest.raises(NotFound):
        TeamFiles(files.root / "none", OURS).list_dir()


def test_a_fifo_a_socket_and_a_directory_are_not_read(files: TeamFiles) -> None:
    os.mkfifo(files.root / "fifo")
    (files.root / "dir").mkdir()
    os.mknod(files.root / "socket", stat.S_IFSOCK | 0o666)
    for name in ("fifo", "socket", "dir"):
        with pytest.raises(Invalid):
            read(files, name)


def test_ids_decide(files: TeamFiles) -> None:
    put(files.root / "ours", b"ours", OURS)
    put(files.root / "some user of ours", b"ours", OURS + 1000)
    put(files.root / "theirs", b"theirs", THEIRS)
    put(files.root / "roots", b"roots", 0)
    put(files.root / "setuid", b"odd", OURS, 0o4700)
    assert read(files, "ours") == read(files, "some user of ours") == b"ours"
    assert read(files, "setuid") == b"odd"
    for name in ("theirs", "roots"):
        with pytest.raises(Forbidden):
            read(files, name)


def test_reads_no_more_than_the_limit(files: TeamFiles) -> None:
    put(files.root / "file", b"0123456789")
    with tempfile.TemporaryFile() as spool:
        copied = files.read("file", spool.fileno(), 4)
        assert (copied.size, copied.cut) == (4, True)
        assert os.pread(spool.fileno(), 100, 0) == b"0123"
    with tempfile.TemporaryFile() as spool:
        assert not files.read("file", spool.fileno(), 10).cut


def test_a_huge_hole_costs_no_more_than_the_limit(files: TeamFiles) -> None:
    os.truncate(put(files.root / "hole", b""), 1 << 40)
    assert len(read(files, "hole", 3_000_000)) == 3_000_000


def test_a_long_listing_says_that_it_is_cut(files: TeamFiles) -> None:
    for number in range(MAX_ENTRIES + 1):
        os.mknod(files.root / str(number))
    listing = files.list_dir()
    assert listing.cut and len(listing.entries) == MAX_ENTRIES


def test_makes_directories_of_the_teams(files: TeamFiles) -> None:
    files.make_dir("a")
    files.make_dir("a")
    files.make_dir("a/b/", 0o700)
    info = (files.root / "a" / "b").stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (OURS, OURS, 0o700)
    put(files.root / "file")
    with pytest.raises(Conflict):
        files.make_dir("file")
    with pytest.raises(NotFound):
        files.make_dir("none/x")
    for path in ("", ".", "..", "a/.."):
        with pytest.raises(Invalid):
            files.make_dir(path)


def nest(root: Path, depth: int) -> None:
    """Directories in directories, deeper than any path may be long."""
    fd = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", 0o700, dir_fd=fd)
        os.chown("d", OURS, OURS, dir_fd=fd)
        deeper = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)


def test_deletes_a_tree_and_no_links_targets(files: TeamFiles) -> None:
    nest(files.root, 2200)  # deeper than a path can be long
    precious = put(files.root.parent / "precious", uid=OURS)
    keep = files.root.parent / "keep"
    keep.mkdir()
    put(keep / "file", uid=OURS)
    (files.root / "d" / "d" / "link").symlink_to(keep)
    (files.root / "d" / "file-link").symlink_to(precious)
    os.mkfifo(files.root / "d" / "fifo")
    put(files.root / "other")
    files.remove_tree("d")
    assert [entry.name for entry in files.list_dir().entries] == ["other"]
    assert precious.exists() and (keep / "file").exists()
    files.remove_tree()
    assert files.list_dir().entries == () and files.root.is_dir()


def test_deletes_a_link_and_a_file_by_name(files: TeamFiles) -> None:
    (files.root / "out").symlink_to("/etc/passwd")
    put(files.root / "file")
    files.remove_tree("out")
    files.remove_tree("file")
    with pytest.raises(NotFound):
        files.remove_tree("file")
    assert files.list_dir().entries == () and Path("/etc/passwd").exists()


def test_deletes_even_what_has_no_permissions(files: TeamFiles) -> None:
    closed = files.root / "closed"
    closed.mkdir()
    put(closed / "file", mode=0)
    os.chown(closed, OURS, OURS)
    closed.chmod(0)
    files.remove_tree("closed")
    assert not closed.exists()


def test_what_belongs_to_others_stays(files: TeamFiles) -> None:
    theirs = files.root / "theirs"
    theirs.mkdir(mode=0o700)
    put(theirs / "file", uid=THEIRS)
    os.chown(theirs, THEIRS, THEIRS)
    with pytest.raises(ApplianceError):
        files.remove_tree("theirs")
    assert (theirs / "file").exists()


def test_deleting_goes_on_where_it_stopped(files: TeamFiles) -> None:
    nest(files.root, 50)
    with pytest.raises(TryAgain):
        files.remove_tree(limit_s=-1)
    files.remove_tree()
    assert files.list_dir().entries == ()


@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
def test_what_is_no_name_is_told(files: TeamFiles, path: str) -> None:
    with pytest.raises(Invalid):
        files.stat(path)


def test_too_little_time_and_impossible_ids_are_told(files: TeamFiles) -> None:
    with pytest.raises(Unavailable, match="longer"):
        TeamFiles(files.root, OURS, timeout_s=0).list_dir()
    with pytest.raises(Unavailable, match="failed"):
        TeamFiles(files.root, (1 << 32) - 10).list_dir()


def test_a_file_comes_whole_or_not_at_all(files: TeamFiles) -> None:
    with tempfile.TemporaryFile() as source:
        source.write(b"new")
        source.flush()
        os.lseek(source.fileno(), 0, os.SEEK_SET)
        files.write("a", source.fileno(), 3)
        made = (files.root / "a").stat()
        assert (files.root / "a").read_bytes() == b"new"
        assert (made.st_uid, stat.S_IMODE(made.st_mode)) == (OURS, 0o644)
        put(files.root / "b", b"old")
        with pytest.raises(Conflict, match="already"):
            files.write("b", source.fileno(), 3)
        os.lseek(source.fileno(), 0, os.SEEK_SET)
        with pytest.raises(Invalid, match="too large"):
            files.write("c", source.fileno(), 2)
        os.lseek(source.fileno(), 0, os.SEEK_SET)
        files.write("b", source.fileno(), 3, replace=True)
    assert {path.name: path.read_bytes() for path in files.root.iterdir()} == {
        "a": b"new",
        "b": b"new",
    }


@pytest.mark.parametrize("path", ["../x", "out/x", "/x", "a/..", ""])
def test_nothing_is_written_or_renamed_outside(files: TeamFiles, path: str) -> None:
    (files.root / "out").symlink_to("..")
    put(files.root / "mine")
    with tempfile.TemporaryFile() as source:
        for change in (
            lambda: files.write(path, source.fileno(), 9),
            lambda: files.rename("mine", path),
        ):
            with pytest.raises((Invalid, NotFound)):
                change()
    assert (files.root / "mine").exists()
    assert [item.name for item in files.root.parent.iterdir()] == ["root"]


def test_a_name_that_is_taken_stays(files: TeamFiles) -> None:
    put(files.root / "a", b"a")
    put(files.root / "b", b"b")
    with pytest.raises(Conflict):
        files.rename("a", "b")
    with pytest.raises(Conflict):
        files.make_dir("a", new=True)
    files.make_dir("d", new=True)
    with pytest.raises(Conflict):
        files.make_dir("d", new=True)
    files.rename("a", "d/a")
    assert (files.root / "d/a").read_bytes() == b"a"


def test_a_folder_becomes_a_zip_of_its_regular_files(files: TeamFiles) -> None:
    (files.root / "top/sub").mkdir(parents=True)
    put(files.root / "top/sub/schön", b"inside")
    put(files.root / os.fsdecode(b"top/\xff"), b"odd")
    (files.root / "top/secret").symlink_to("/etc/shadow")
    (files.root / "top/loop").symlink_to(".")
    os.mkfifo(files.root / "top/fifo")
    os.utime(files.root / "top/sub/schön", (-1, -1))
    with tempfile.TemporaryFile() as spool:
        files.archive("top", spool.fileno(), 1 << 20)
        with zipfile.ZipFile(spool) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {"sub/schön": b"inside", "\ufffd": b"odd"}
    put(files.root / "top/large", os.urandom(5000))
    with tempfile.TemporaryFile() as spool, pytest.raises(Invalid, match="too large"):
        files.archive("top", spool.fileno(), 4000)
