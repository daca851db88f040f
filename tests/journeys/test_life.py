"""An instance from its start to its end, and beside another one: what stays, what goes, what nobody else notices."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from tests.journeys import host
from tests.journeys.conftest import HOME, fresh_instance
from tests.journeys.crashing import Crashing
from tests.journeys.instance import ROOT, Instance, free_port
from tests.journeys.invariants import broken

pytestmark = pytest.mark.containers
WHOLE_MACHINE = f"C{len(os.sched_getaffinity(0))}"
FLOOD_BYTES = 50_000_000


@pytest.fixture(scope="module")
def crashing() -> Iterator[Crashing]:
    started = Crashing.begin(fresh_instance())
    yield started
    started.end()


@pytest.fixture()
def other() -> Iterator[Instance]:
    """A second appliance on the same host."""
    instance = fresh_instance()
    yield instance
    instance.destroy()


def test_ctrl_c_leaves_notebooks_running_and_the_next_start_adopts_them(crashing: Crashing) -> None:
    config = crashing.instance.config
    notebook = crashing.fast()
    crashing.reach(notebook, "running")
    word, session = crashing.word(notebook), crashing.session(notebook)["id"]
    container = host.container_id(config, session)

    crashing.instance.interrupt()
    assert host.container_id(config, session) == container
    assert host.containers(config)[session]["State"] == "running"
    crashing.instance.start()
    crashing.come_back()

    assert crashing.word(notebook) == word
    host.until_empty(lambda: broken(config))
    crashing.stop(notebook)
    crashing.reach(notebook, "stopped")
    crashing.check_log(notebook)


def test_a_second_up_on_the_same_data_says_so(crashing: Crashing) -> None:
    argv = [str(ROOT / "scripts/up"), "--data", str(crashing.instance.data)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "runs already" in done.stderr and "--stop" in done.stderr
    assert crashing.admin.request("GET", "/v1/health").status_code == 200


def test_another_port_keeps_notebooks_working(crashing: Crashing) -> None:
    notebook = crashing.fast()
    crashing.reach(notebook, "running")
    word = crashing.word(notebook)
    crashing.instance.interrupt()
    crashing.instance.port = free_port()
    moved = Crashing.begin(crashing.instance)
    assert moved.word(notebook) == word
    moved.stop(notebook)
    moved.reach(notebook, "stopped")
    crashing.admin.close()
    crashing.admin = moved.admin


def test_two_instances_do_not_notice_each_other(crashing: Crashing, other: Instance) -> None:
    notebook = crashing.fast()
    crashing.reach(notebook, "running")
    word = crashing.word(notebook)
    second = Crashing.begin(other)
    theirs = second.fast()
    second.reach(theirs, "running")
    assert second.word(theirs) != word
    for config in (crashing.instance.config, other.config):
        host.until_empty(lambda: broken(config))

    config = other.config
    second.admin.close()
    other.stop()
    host.until_empty(lambda: host.leftovers(config))
    assert crashing.word(notebook) == word
    host.until_empty(lambda: broken(crashing.instance.config))
    crashing.stop(notebook)
    crashing.reach(notebook, "stopped")


def test_stop_leaves_nothing_and_says_so_at_the_next_start(crashing: Crashing) -> None:
    instance, config = crashing.instance, crashing.instance.config
    running, waiting = crashing.fast(machine=WHOLE_MACHINE), crashing.fast()
    crashing.reach(running, "running")
    instance.stop()
    host.until_empty(lambda: host.leftovers(config))

    instance.start()
    session = crashing.reach(running, "stopped")
    assert session["reason"] == "ApplianceStopped"
    crashing.reach(waiting, "running")
    crashing.check_log(running)
    crashing.stop(waiting)
    crashing.reach(waiting, "stopped")


def _removed(container: str) -> bool:
    """Whether it is gone; its own clean-up may keep it busy for a moment."""
    argv = ["podman", "rm", "--force", "--ignore", container]
    return subprocess.run(argv, capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("known_as", ["gone", "exited"])
def test_after_a_reboot_notebooks_are_stopped_and_queued_ones_start(
    known_as: str, crashing: Crashing
) -> None:
    """Everything dies at once and the kernel is another one; the engine may know the container as ended, or not at all."""
    instance, config = crashing.instance, crashing.instance.config
    running, waiting = crashing.fast(machine=WHOLE_MACHINE), crashing.fast()
    crashing.reach(running, "running")
    crashing.reach(waiting, "pending")
    container = host.container_id(config, crashing.session(running)["id"])
    instance.kill_all()
    host.run("podman", "kill", "--signal", "KILL", container)
    host.run("podman", "wait", "--condition", "exited", container)
    if known_as == "gone":
        host.until(lambda: _removed(container))
    with closing(sqlite3.connect(config.paths.database, timeout=30)) as db, db:
        db.execute(
            "UPDATE workloads SET boot_id = 'another' WHERE ended_ms IS NULL AND boot_id <> ''"
        )

    instance.start()
    assert crashing.reach(running, "stopped")["reason"] == "MachineRestarted"
    crashing.reach(waiting, "running")
    crashing.stop(waiting)
    crashing.reach(waiting, "stopped")
    host.until_empty(lambda: broken(config))


def test_a_long_log_is_served_whole_and_bounded_on_disk(crashing: Crashing) -> None:
    """The engine's own file gives back what was copied while its program goes on."""
    config = crashing.instance.config
    notebook = crashing.admin.notebook(
        crashing.project, container="base", command='exec python3 -c "$FLOOD"',
        environment={"FLOOD": FLOOD},
    )  # fmt: skip
    crashing.reach(notebook, "running")
    directory = config.paths.logs / crashing.session(notebook)["id"]
    last = host.until(lambda: (crashing.home(notebook) / "written").exists(), 60) and int(
        (crashing.home(notebook) / "written").read_text()
    )
    raw = directory / "raw.log"

    def copied() -> bool:
        parts = sorted(directory.glob("[0-9]*.log"))  # none before the first turn of the copier
        return bool(parts) and parts[-1].read_bytes().endswith(f"line {last}\n".encode())

    host.until(copied, 60)
    assert raw.stat().st_size > FLOOD_BYTES
    assert raw.stat().st_blocks * 512 < 20_000_000
    crashing.stop(notebook)
    crashing.reach(notebook, "stopped")
    numbers = [line.rpartition(" ")[2] for line in crashing.log(notebook)]
    assert numbers == [str(number) for number in range(last + 1)]
    host.until(lambda: not raw.exists())


FLOOD = f"""
import os, signal, sys
from pathlib import Path
signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
size = number = 0
while size < {FLOOD_BYTES}:
    text = "".join(f"line {{n}}\\n".rjust(250, ".") for n in range(number, number + 1000))
    sys.stdout.write(text)
    number, size = number + 1000, size + len(text)
sys.stdout.flush()
Path("/notebooks/written").write_text(str(number - 1))
import http.server, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
os.umask(0)
socketserver.UnixStreamServer(os.environ["SOCKET_PATH"], Handler).serve_forever()
"""


@pytest.fixture()
def closed() -> Iterator[Path]:
    """A directory that only root enters. Not pytest's own: those have long names."""
    path = HOME / uuid4().hex[:8]
    path.mkdir(mode=0o700)
    yield path
    path.rmdir()


def test_doctor_is_content_and_says_what_is_wrong(crashing: Crashing, closed: Path) -> None:
    assert "FAIL" not in crashing.instance.command("doctor")
    appliance = (
        Path(os.environ.get("APPLIANCE_VENV") or crashing.instance.data / "venv") / "bin/appliance"
    )
    argv = [str(appliance), "doctor", "--data", str(closed / "data")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    failed = done.stdout.partition("FAIL  data directory: ")[2].splitlines()
    assert "lets no other users through" in failed[0] and "--data" in failed[1]
