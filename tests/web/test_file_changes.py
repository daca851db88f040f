"""Uploads, folders, names and deletion on a notebook's page of files, with the supervisor's part at work."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import pytest

from appliance.runtime import uploads
from tests.lab import Lab
from tests.person import Person, Thing
from tests.web.supervising import files_served

TOKEN = "0123456789abcdef" * 2


@pytest.fixture
def notebook(lab: Lab, ann: Person) -> Iterator[Thing]:
    made = ann.notebook()
    lab.settle()
    with files_served(lab):
        yield made


def content(lab: Lab, notebook: Thing, path: str) -> bytes:
    return (lab.config.paths.notebooks / notebook.id / path).read_bytes()


def send(lab: Lab, ann: Person, notebook: Thing, path: str, **form: object) -> int:
    data = {"csrf_token": ann.csrf, **form}
    url = f"/notebooks/{notebook.id}/files/{path}"
    answer = ann.http.post(url, data=data, content_type="multipart/form-data")
    for file in lab.config.paths.uploads.iterdir():
        os.chown(file, lab.config.web_uid, lab.config.web_uid)  # the test is root, web is not
    return answer.status_code


def piece(
    lab: Lab, ann: Person, notebook: Thing, offset: int, body: bytes, token: str = TOKEN
) -> tuple[int, object]:
    path = f"/notebooks/{notebook.id}/files/piece?upload={token}&offset={offset}"
    answer = ann.call("POST", path, data=body, content_type="application/octet-stream")
    for file in lab.config.paths.uploads.iterdir():
        os.chown(file, lab.config.web_uid, lab.config.web_uid)
    return answer.status_code, answer.json


def take(ann: Person, notebook: Thing, name: str, **form: str) -> tuple[int, object]:
    fields = {"csrf_token": ann.csrf, "upload": TOKEN, "name": name, **form}
    answer = ann.http.post(f"/notebooks/{notebook.id}/files/take?path=", data=fields)
    return answer.status_code, answer.json


def test_pieces_become_a_file(lab: Lab, ann: Person, notebook: Thing) -> None:
    assert piece(lab, ann, notebook, 0, b"abc") == (200, {"size": 3})
    assert piece(lab, ann, notebook, 9, b"xyz")[0] == 409
    assert piece(lab, ann, notebook, 3, b"de") == (200, {"size": 5})
    assert piece(lab, ann, notebook, 3, b"def") == (200, {"size": 6})  # sent again
    assert take(ann, notebook, "naïve name.txt") == (200, {"done": True})
    assert content(lab, notebook, "naïve name.txt") == b"abcdef"
    assert not list(lab.config.paths.uploads.iterdir())


def test_a_name_that_is_taken_is_kept_until_asked_for(
    lab: Lab, ann: Person, notebook: Thing
) -> None:
    (lab.config.paths.notebooks / notebook.id / "a").write_text("old")
    piece(lab, ann, notebook, 0, b"new")
    status, said = take(ann, notebook, "a")
    assert status == 409 and "already" in str(said)
    assert content(lab, notebook, "a") == b"old"
    assert take(ann, notebook, "a", replace="1")[0] == 200
    assert content(lab, notebook, "a") == b"new"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../x", "x" * 256])
def test_what_is_no_name_is_refused(lab: Lab, ann: Person, notebook: Thing, name: str) -> None:
    piece(lab, ann, notebook, 0, b"x")
    assert take(ann, notebook, name)[0] == 400


def test_another_user_cant_go_on_with_it(lab: Lab, ann: Person, notebook: Thing) -> None:
    bob, eve = lab.person("bob"), lab.person("eve", team="other")
    piece(lab, ann, notebook, 0, b"abc")
    assert piece(lab, bob, notebook, 3, b"x")[0] == 409  # his own of that name is empty
    assert take(bob, notebook, "stolen")[0] == 404
    assert piece(lab, eve, notebook, 0, b"x")[0] == 404
    assert piece(lab, ann, notebook, 0, b"x", "../../etc/passwd")[0] == 400


def test_only_a_plain_file_of_webs_is_taken(lab: Lab, ann: Person, notebook: Thing) -> None:
    piece(lab, ann, notebook, 0, b"x")
    (file,) = lab.config.paths.uploads.iterdir()
    file.unlink()
    file.symlink_to(lab.config.paths.secret_key)
    assert take(ann, notebook, "key")[0] == 404
    file.unlink()
    os.link(lab.config.paths.secret_key, file)
    assert take(ann, notebook, "key")[0] == 404


def test_unfinished_ones_are_bounded_and_go_away(lab: Lab, ann: Person, notebook: Thing) -> None:
    for number in range(uploads.AT_ONCE):
        assert piece(lab, ann, notebook, 0, b"x", f"{number:032x}")[0] == 200
    assert piece(lab, ann, notebook, 0, b"x", "f" * 32)[0] == 412
    for file in lab.config.paths.uploads.iterdir():
        os.utime(file, (0, 0))
    uploads.sweep(lab.config)
    assert not list(lab.config.paths.uploads.iterdir())


def test_folders_names_and_deletion(lab: Lab, ann: Person, notebook: Thing) -> None:
    base, root = f"/notebooks/{notebook.id}/files", lab.config.paths.notebooks / notebook.id
    ann.form(f"{base}/folder?path=", name="data")
    assert "already" in ann.form(f"{base}/folder?path=", 409, name="data").text
    (root / "a.txt").write_text("a")
    ann.form(f"{base}/change?path=a.txt", name="data/b.txt")
    assert content(lab, notebook, "data/b.txt") == b"a"
    again = ann.form(f"{base}/change?path=data/b.txt", 400, name="../../out")
    assert "../../out" in again.text and "no name" in again.text
    assert ann.page(f"{base}?path=data").count("b.txt") > 1
    ann.form(f"{base}/remove?path=data")
    assert not (root / "data").exists()
    ann.form(f"{base}/remove?path=", 400)


def test_a_folder_is_downloaded_as_a_zip(lab: Lab, ann: Person, notebook: Thing) -> None:
    root = lab.config.paths.notebooks / notebook.id
    (root / "data").mkdir()
    (root / "data/a").write_text("a")
    answer = ann.call("GET", f"/notebooks/{notebook.id}/files/download?path=data&folder=1")
    assert answer.headers["Content-Disposition"].endswith("data.zip")
    assert answer.headers["X-Accel-Redirect"].startswith("/_spool/")


def test_a_view_shows_what_was_made_of_it(lab: Lab, ann: Person, notebook: Thing) -> None:
    root = lab.config.paths.notebooks / notebook.id
    (root / "a b.png").write_bytes(b"\x89PNG")
    page = ann.page(f"/notebooks/{notebook.id}/view/a%20b.png")
    source = page.partition(f'src="/notebooks/{notebook.id}/rendered/')[2].partition('"')[0]
    answer = ann.call("GET", f"/notebooks/{notebook.id}/rendered/{source}")
    assert answer.headers["X-Accel-Redirect"] == f"/_rendered/{notebook.id}/{source}"
    assert answer.content_type == "image/png"
    eve = lab.person("eve", team="other")
    eve.page(f"/notebooks/{notebook.id}/rendered/{source}", 404)
    assert "no such file" in ann.page(f"/notebooks/{notebook.id}/view/none.md")


def test_without_scripts_a_form_does(
    lab: Lab, ann: Person, notebook: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(lab.config), "web_uid", property(lambda config: 0)
    )  # web is who runs this test
    for status, text in ((303, b"one"), (409, b"two")):
        sent = (io.BytesIO(text), "a.txt")
        assert send(lab, ann, notebook, "upload?path=", file=sent) == status
    assert content(lab, notebook, "a.txt") == b"one"
