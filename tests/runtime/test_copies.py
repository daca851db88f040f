"""Copies from team to team, with real ids: what is taken, whose it is then, and hostile trees."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from appliance.errors import Conflict, Invalid
from appliance.runtime import copies
from appliance.runtime._copy_child import tracked
from appliance.runtime.copies import Bounds
from appliance.runtime.files import TeamFiles
from tests.git_server import git

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="writes maps of user namespaces")

OURS = (1 << 30) + (3 << 16)
THEIRS = (1 << 30) + (4 << 16)
LIMITS = Bounds(1 << 20, most_files=1000, timeout_s=60)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    root.mkdir(mode=0o700)
    return root


def put(root: Path, **files: str) -> None:
    """Files by name; `__` stands for a slash and `_dot_` for a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def copied(source: Path, limits: Bounds = LIMITS, rules: bool = True) -> Path:
    """The copy, which belongs to another team."""
    for path in (source, *source.rglob("*")):
        os.chown(path, OURS, OURS, follow_symlinks=False)
    target = source.parent / "target"
    copies.copy(TeamFiles(source, OURS), target, THEIRS, limits, rules)
    return target


def names(target: Path) -> list[str]:
    return sorted(str(path.relative_to(target)) for path in target.rglob("*") if not path.is_dir())


def test_notebooks_and_texts_are_taken(source: Path) -> None:
    put(
        source,
        a_dot_ipynb="{}",
        deep__b_dot_md="x",
        data_dot_csv="1",
        _dot_ipynb_checkpoints__c_dot_ipynb="",
    )
    target = copied(source)
    assert names(target) == ["a.ipynb", "deep/b.md"]
    assert {path.stat().st_uid for path in (target, *target.rglob("*"))} == {THEIRS}


def test_the_users_rules_add_and_take_away(source: Path) -> None:
    put(source, a_dot_csv="", keep__b_dot_bin="", c_dot_md="", notes__d_dot_md="")
    (source / ".notebookinclude").write_text("*.csv\nkeep/\n# a comment\n!c.md\n")
    assert names(copied(source)) == [".notebookinclude", "a.csv", "keep/b.bin", "notes/d.md"]


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_what_git_knows_is_taken(source: Path, version: str) -> None:
    put(source, src__one_dot_py="", src__two_dot_py="", untracked_dot_py="", secret_dot_txt="")
    put(source, src__later_dot_py="")
    git(source, "init", "-q")
    git(source, "add", "src/one.py", "src/two.py", "secret.txt")
    git(source, "add", "--intent-to-add", "src/later.py")  # what version 3 is for
    git(source, "update-index", f"--index-version={version}")
    (source / ".notebookinclude").write_text("!secret.txt")
    assert names(copied(source)) == [".notebookinclude", "src/later.py", "src/one.py", "src/two.py"]


@pytest.mark.parametrize(
    "index", [b"", b"DIRC", b"DIRC" + b"\xff" * 100, b"DIRC" + bytes(3) + b"\4" + b"\xff" * 9999]
)
def test_a_damaged_index_knows_nothing(index: bytes) -> None:
    assert tracked(index) == frozenset()


def test_the_index_of_git_is_not_read_by_git(source: Path) -> None:
    """Its configuration names programs to run; it is the users'."""
    put(source, a_dot_py="")
    git(source, "init", "-q")
    git(source, "add", "a.py")
    trace = source.parent / "trace"
    git(source, "config", "core.fsmonitor", f"touch {trace}; false")
    assert names(copied(source)) == ["a.py"] and not trace.exists()


def test_links_are_copied_and_not_followed(source: Path) -> None:
    (source / "shadow.md").symlink_to("/etc/shadow")
    (source / "etc").symlink_to("/etc")
    put(source, real__a_dot_md="x")
    for number in range(100):  # more than a process may have open
        (source / f"{number}.md").symlink_to("nowhere")
    target = copied(source)
    assert [name for name in names(target) if not name[0].isdigit()] == ["real/a.md", "shadow.md"]
    assert os.readlink(target / "shadow.md") == "/etc/shadow"


def test_what_is_no_file_is_left_out(source: Path) -> None:
    os.mkfifo(source / "pipe.md")
    put(source, a_dot_md="")
    assert names(copied(source)) == ["a.md"]


def test_names_may_be_anything(source: Path) -> None:
    odd = [b"\xff\xfe.md", "schön.md".encode(), b"new\nline.md", b"-rf.md", b"x" * 250 + b".md"]
    for name in odd:
        (source / os.fsdecode(name)).write_bytes(name)
    target = copied(source)
    assert sorted(os.listdir(os.fsencode(target))) == sorted(odd)


def test_a_copy_shares_nothing_with_its_source(source: Path) -> None:
    put(source, a_dot_md="before")
    target = copied(source)
    (source / "a.md").write_text("after")
    assert (target / "a.md").read_text() == "before"
    assert (target / "a.md").stat().st_nlink == 1


def test_too_much_is_refused_before_it_is_copied(source: Path) -> None:
    with open(source / "sparse.md", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Invalid, match="more or larger"):
        copied(source)
    assert sorted(os.listdir(source.parent)) == ["source"]


def test_too_many_are_refused(source: Path) -> None:
    put(source, **{f"n{number}_dot_md": "" for number in range(20)})
    with pytest.raises(Invalid, match="more or larger"):
        copied(source, Bounds(1 << 20, most_files=10))


def test_installed_packages_are_left_out(source: Path) -> None:
    put(source, env__pyvenv_dot_cfg="", env__lib__README_dot_md="", a_dot_md="")
    assert names(copied(source)) == ["a.md"]


def test_everything_where_there_are_no_rules(source: Path) -> None:
    put(source, a_dot_csv="", deep__b="")
    assert names(copied(source, rules=False)) == ["a.csv", "deep/b"]


def test_what_a_killed_copy_left_is_no_obstacle(source: Path) -> None:
    put(source, a_dot_md="")
    part = source.parent / ".target.part"
    put(part, half_dot_md="")
    for path in (part, part / "half.md"):
        os.chown(path, THEIRS, THEIRS)
    assert names(copied(source)) == ["a.md"]


def test_a_file_that_shrinks_while_it_is_read(source: Path) -> None:
    """A writer at work: an error that says so, never a file filled with zeros."""
    big = source / "a.md"
    big.write_bytes(b"x" * (1 << 19))
    program = f"import os\nwhile True:\n os.truncate({str(big)!r}, 0); os.truncate({str(big)!r}, {1 << 19})"
    with subprocess.Popen(["python3", "-c", program]) as writer:
        try:
            for _ in range(3):
                try:
                    target = copied(source)
                    assert (target / "a.md").stat().st_size in (0, 1 << 19)
                    copies.remove(target)
                except Conflict:
                    break
        finally:
            writer.kill()
