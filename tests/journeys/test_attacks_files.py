"""What hostile code leaves in its files for our file browser."""

from __future__ import annotations

import html
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.journeys.client import Person
from tests.journeys.instance import PASSWORD, Instance
from tests.journeys.puppet import Puppet, end, start_puppet

pytestmark = pytest.mark.containers

LEAVE = r"""
import os, socket
os.makedirs("/notebooks/traps/deep", exist_ok=True)
os.chdir("/notebooks/traps")
os.symlink("/etc/shadow", "shadow")
os.symlink("/", "root")
os.symlink("../../../../../../../etc/passwd", "climbing")
os.symlink("deep/inside.txt", "inside-link")
os.symlink("deep", "inside-dir")
os.symlink("/proc/self/environ", "environ")
os.symlink("loop", "loop")
os.mkfifo("fifo")
server = socket.socket(socket.AF_UNIX)
server.bind("socket")
open("setuid", "wb").write(b"#!/bin/sh\n")
os.chmod("setuid", 0o6755)
open("deep/inside.txt", "w").write("inside")
open("<img src=x onerror=alert(1)>.txt", "w").write("markup")
open('"><script>alert(1)<&script>', "w").write("script")
open("two\nlines\r\nSet-Cookie: a=b", "w").write("newline")
open(b"no-utf8-\xff\xfe.txt", "w").write("bytes")
open(b"\xed\xa0\x80surrogate", "w").write("bytes too")
open("..hidden..", "w").write("dots")
open("con.txt%2f..%2f..", "w").write("percent")
open("question?path=x&a=b#c", "w").write("query")
open("page.html", "w").write("<script>alert(document.domain)</script>")
os.truncate(os.open("sparse", os.O_CREAT | os.O_WRONLY, 0o600), 1 << 40)
open("unreadable", "w").write("mode 0")
os.chmod("unreadable", 0)
"""


@pytest.fixture(scope="module")
def puppet(appliance: Instance) -> Iterator[Puppet]:
    person = Person(appliance.url, "admin", PASSWORD)
    puppet = start_puppet(person, person.project("traps"), "traps")
    puppet.python(LEAVE)
    yield puppet
    end(person, puppet.notebook)
    person.close()


def listing(puppet: Puppet, path: str = "traps") -> str:
    answer = puppet.person.request("GET", f"/notebooks/{puppet.notebook}/files?path={path}")
    assert answer.status_code == 200, answer.text
    return answer.text


def download(puppet: Puppet, path: str) -> tuple[int, str]:
    """path: as it stands in a URL."""
    answer = puppet.person.request(
        "GET", f"/notebooks/{puppet.notebook}/files/download?path={path}"
    )
    return answer.status_code, answer.text


def test_odd_names_are_shown_as_text(puppet: Puppet) -> None:
    page = listing(puppet)
    for name in ("<img src=x onerror=alert(1)>.txt", '"><script>alert(1)<&script>'):
        assert name not in page and html.escape(name).replace("&quot;", "&#34;") in page
    for name in (
        "shadow",
        "fifo",
        "..hidden..",
        "no-utf8-",
        "surrogate",
        "page.html",
        "con.txt%2f..%2f..",
    ):
        assert name in page, name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"traps/<img src=x onerror=alert(1)>.txt", "markup"),
        (b'traps/"><script>alert(1)<&script>', "script"),
        (b"traps/two\nlines\r\nSet-Cookie: a=b", "newline"),
        (b"traps/no-utf8-\xff\xfe.txt", "bytes"),
        (b"traps/\xed\xa0\x80surrogate", "bytes too"),
        (b"traps/..hidden..", "dots"),
        (b"traps/con.txt%2f..%2f..", "percent"),
        (b"traps/question?path=x&a=b#c", "query"),
        (b"traps/setuid", "#!/bin/sh\n"),
    ],
)
def test_odd_names_can_be_downloaded(name: bytes, text: str, puppet: Puppet) -> None:
    assert f"path={quote(name)}" in listing(puppet)
    status, body = download(puppet, quote(name))
    assert (status, body) == (200, text)


def test_links_inside_lead_inside(puppet: Puppet) -> None:
    assert download(puppet, "traps/inside-dir/inside.txt") == (200, "inside")


@pytest.mark.parametrize(
    "path",
    [
        "shadow", "root/etc/shadow", "climbing", "environ", "fifo", "socket", "loop", "inside-link", "deep",
        "../../../../../../etc/shadow", "..%2f..%2f..%2fetc%2fshadow", "deep/../../../../etc/shadow", "%00", "x%00y",
    ],
)  # fmt: skip
def test_what_leads_out_or_is_no_file_is_refused(path: str, puppet: Puppet) -> None:
    status, body = download(puppet, f"traps/{path}")
    assert status in (400, 404), body
    assert "root:" not in body and "APPLIANCE" not in body


def test_a_refusal_says_why(puppet: Puppet) -> None:
    assert "this is a link" in download(puppet, "traps/shadow")[1]
    assert "leads out" in download(puppet, "traps/root/etc/shadow")[1]
    assert "only regular files" in download(puppet, "traps/fifo")[1]


def test_directories_outside_are_not_listed(puppet: Puppet) -> None:
    for path in ("traps/root", "traps/root/etc", "..", "../..", "traps/../../../etc", "/etc"):
        page = listing(puppet, path)
        assert "shadow-" not in page and "passwd" not in page
        assert "Download" not in page


def test_a_page_of_theirs_never_acts_as_ours(puppet: Puppet) -> None:
    path = f"/notebooks/{puppet.notebook}/files/download?path=traps/page.html"
    answer = puppet.person.request("GET", path)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    split = download(puppet, "traps/two%0Alines%0D%0ASet-Cookie:%20a=b")
    assert split == (200, "newline")
    assert "a" not in puppet.person.http.cookies


def test_a_file_of_a_terabyte_is_refused(appliance: Instance, puppet: Puppet) -> None:
    status, body = download(puppet, "traps/sparse")
    assert status == 400 and "too large" in body
    used = sum(path.stat().st_blocks for path in appliance.config.paths.spool.iterdir()) * 512
    assert used < 1 << 28


def test_links_swapped_while_we_look_lead_nowhere(puppet: Puppet) -> None:
    """A second process that changes a directory into a link to / and back, as fast as it can."""
    code, said = puppet.run(
        "cd /notebooks && mkdir -p race/a && echo mine > race/a/hostname && ln -s /etc race/b && (timeout 20 python3 -c '\n"
        "import ctypes\n"
        "c = ctypes.CDLL(None)\n"
        'while True: c.renameat2(-100, b"race/a", -100, b"race/b", 2)\n'
        "' >/dev/null 2>&1 &)"
    )
    assert code == 0, said
    seen = {download(puppet, "race/a/hostname") for _ in range(40)}
    assert {body for status, body in seen if status == 200} == {"mine\n"}


MAZE = """
ln -s / root; ln -s /etc/passwd passwd; mkfifo fifo
for i in $(seq 300); do mkdir x && cd x; done
exit 3
"""


def test_deleting_it_all_leaves_the_host_alone(appliance: Instance, puppet: Puppet) -> None:
    person = puppet.person
    notebook = person.notebook(
        person.api("GET", f"/notebooks/{puppet.notebook}")["projectId"], container="base",
        command=MAZE,
    )  # fmt: skip
    person.wait(notebook, "failed")
    files = appliance.config.paths.notebooks / notebook
    assert (files / "root").is_symlink()
    person.api("DELETE", f"/notebooks/{notebook}")
    for _ in range(300):
        if not files.exists():
            break
        puppet.say("sleep 0.1")
    assert not files.exists()
    assert puppet.say("cat /notebooks/traps/deep/inside.txt") == "inside"
