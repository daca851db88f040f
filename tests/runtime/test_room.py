"""A disk that is full: a small file system of its own, filled to the last block."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import events
from appliance.db import write
from appliance.errors import Refused
from appliance.runtime import room
from appliance.runtime.diskwatch import DiskWatch
from appliance.runtime.lifecycle import CLEAN_UP_ENV
from appliance.runtime.room import MIB, Space
from tests import lab as labs
from tests.lab import Lab
from tests.person import Person

DISK_MIB = 192


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small ext4 of its own."""
    image, mounted = tmp_path / "disk", tmp_path / "m"
    image.touch()
    os.truncate(image, DISK_MIB * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-b", "4096", image], check=True, timeout=60)
    mounted.mkdir()
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True, timeout=60)
    mounted.chmod(0o755)
    yield mounted
    subprocess.run(["umount", mounted], check=True, timeout=60)


@pytest.fixture
def small(disk: Path) -> Iterator[Lab]:
    """An appliance whose data are on the small disk."""
    with labs.opened(parent=disk) as lab:
        yield lab


def fill(lab: Lab) -> None:
    """To the last block that anybody may have, root too."""
    hog = lab.root.parent / "hog"
    for size in (MIB, 4096, 1):
        with hog.open("ab", buffering=0) as file:
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    assert os.statvfs(lab.root).f_bavail == 0  # what ext4 keeps for itself it gives to nobody


def test_people_sign_in_stop_and_delete_on_a_full_disk(small: Lab) -> None:
    ann = small.person("ann")
    running, stopped = ann.notebook(), ann.notebook(should_run_on_create=False)
    small.settle()
    assert room.keep_in_database(small.db)
    fill(small)
    for _ in range(50):  # each writes
        again = Person(small, ann.user)
        again.sign_in()
    ann.act(running, "stop")
    small.settle()
    assert ann.session(running).state == "stopped"
    for notebook in (running, stopped):
        ann.api("DELETE", notebook.path)
    assert ann.get("notebooks").items == []
    assert "% full" in ann.page("/")


def test_without_room_of_its_own_the_database_would_be_full(small: Lab) -> None:
    """What the room is for: if this passes without it, it is not needed any more."""
    fill(small)
    assert not room.keep_in_database(small.db)
    with pytest.raises(small.db.conn.OperationalError, match="full"):
        with write(small.db) as db:
            for _ in range(2000):
                events.emit(db, "x.y", subject="z" * 1000)


def test_the_room_is_made_again(small: Lab) -> None:
    def free() -> int:
        return int(small.db.conn.execute("PRAGMA freelist_count").fetchone()[0]) * 4096

    assert room.keep_in_database(small.db) and free() >= room.DATABASE_BYTES
    with write(small.db) as db:
        for _ in range(6):
            events.emit(db, "x.y", subject="z" * MIB)
    assert free() < room.DATABASE_BYTES // 2
    assert room.keep_in_database(small.db) and free() >= room.DATABASE_BYTES


def test_a_notebook_starts_in_clean_up_mode(small: Lab) -> None:
    ann = small.person("ann")
    room.keep_in_database(small.db)
    notebook = ann.notebook(should_run_on_create=False)
    small.config.paths.ballast.write_bytes(b"x" * 4 * MIB)
    fill(small)
    ann.act(notebook, "start", machine_type="C1")
    small.settle()
    assert ann.session(notebook).state == "running"
    assert "clean-up mode: the disk is full" in ann.session(notebook).message
    assert small.backend.specs[small.container(notebook)].env.items() >= CLEAN_UP_ENV.items()


def test_without_a_single_block_it_says_so(small: Lab) -> None:
    ann = small.person("ann")
    room.keep_in_database(small.db)
    notebook = ann.notebook(should_run_on_create=False)
    fill(small)
    ann.act(notebook, "start", machine_type="C1")
    small.settle()
    found = ann.session(notebook)
    assert found.state == "running" or (found.reason, found.state) == ("DiskFull", "error")


def test_with_room_it_starts_as_ever(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    assert not lab.backend.specs[lab.container(notebook)].env.keys() & CLEAN_UP_ENV.keys()


def test_each_level_is_told_once(small: Lab) -> None:
    watch, head = DiskWatch(small.appliance), events.head(small.db)
    watch.turn()
    fill(small)
    watch.turn()
    watch.turn()
    told = [event for event in events.after(small.db, head) if event.name == "disk.filling"]
    assert [event.data["percent"] for event in told] == [100]
    (small.root.parent / "hog").unlink()
    watch.turn()
    fill(small)
    watch.turn()
    assert len([e for e in events.after(small.db, head) if e.name == "disk.filling"]) == 2


def test_the_reserve_is_kept(small: Lab) -> None:
    free = room.space(small.config.paths).free_bytes
    room.require(small.config.paths, small.db, free // 2)
    with pytest.raises(Refused, match="nearly full: .* are kept in reserve: delete something"):
        room.require(small.config.paths, small.db, free - MIB)


def test_the_ballast(lab: Lab) -> None:
    paths = lab.config.paths
    room.keep_ballast(paths)
    assert paths.ballast.stat().st_blocks * 512 >= room.BALLAST_BYTES
    assert not room.make(paths) and paths.ballast.exists()


@pytest.mark.parametrize(
    ("percent", "level"), [(0, 0), (79, 0), (80, 80), (94, 90), (95, 95), (100, 95)]
)
def test_levels(percent: int, level: int) -> None:
    assert replace(Space(100, 50, 0), percent=percent).level == level


def test_a_disk_without_files_left_is_full(small: Lab) -> None:
    """A million empty files take no room, and yet nobody can make another."""
    ann = small.person("ann")
    room.keep_in_database(small.db)
    notebook = ann.notebook()
    small.settle()
    hogs = small.root.parent / "hogs"
    hogs.mkdir()
    try:
        for number in range(10**6):
            (hogs / str(number)).touch()
    except OSError as error:
        assert error.errno == errno.ENOSPC
    assert room.space(small.config.paths).full and room.space(small.config.paths).percent == 100
    Person(small, ann.user).sign_in()
    ann.act(notebook, "stop")
    small.settle()
    assert ann.session(notebook).state == "stopped"
    ann.api("DELETE", notebook.path)
