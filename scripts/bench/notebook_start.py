#!/usr/bin/env python3
"""From the click to a notebook that answers, against a bare `podman run` of the same image and command.

Click: POST /v1/notebooks until its state is running and `/api` answers through the gateway.
Bare: `podman run` with the same limits of CPU and memory until `/api` answers on the container's
socket. Interleaved, so that what else the
machine does hits both alike.

Needs root and what scripts/up installs. Starts an appliance of its own, and removes it.

    scripts/bench/notebook_start.py [--rounds 7] [--limit 1.2]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from appliance.db import open_db, rows  # noqa: E402  (needs the path above)
from appliance.runtime.probe import SocketProber  # noqa: E402
from appliance.runtime.spec import WorkloadSpec  # noqa: E402
from plugins_builtin.images.catalogue import IMAGES  # noqa: E402
from tests.journeys.client import Person  # noqa: E402
from tests.journeys.conftest import fresh_instance  # noqa: E402
from tests.journeys.instance import PASSWORD, Instance  # noqa: E402

GIVE_UP_S = 60
LOOK_S = 0.005
STAMPS = ("created_ms", "started_ms", "ready_ms")


@dataclass(frozen=True)
class Started:
    """How long one start took, in parts. seconds: all of it, as its client saw it."""

    seconds: float
    parts: dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description="Click to ready against a bare podman run.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=float, default=1.2, help="times the bare start")
    options = parser.parse_args()
    with appliance() as instance:
        person = Person(instance.url, "admin", PASSWORD)
        project = person.project("bench")
        clicked: list[Started] = []
        bare: list[Started] = []
        for turn in range(options.rounds + 1):
            ours, theirs = click(instance, person, project), bare_run(instance)
            if turn:  # the first of each fills the page cache
                clicked.append(ours)
                bare.append(theirs)
        person.close()
    return report(clicked, bare, options.limit)


@contextmanager
def appliance() -> Iterator[Instance]:
    """A running one with nothing in it."""
    instance = fresh_instance()
    instance.start()
    try:
        yield instance
    finally:
        instance.destroy()


def click(instance: Instance, person: Person, project: str) -> Started:
    """Create a notebook, wait until it answers, and delete it."""
    begin = time.time()
    notebook = person.notebook(project)
    created = time.time()
    wait_until(lambda: person.session(notebook)["state"] == "running", notebook)
    running = time.time()
    door = person.enter(notebook)
    wait_until(lambda: door.request("GET", "api").status_code == 200, notebook)
    end = time.time()
    seen = stamps(instance, notebook)
    person.api("POST", f"/notebooks/{notebook}/stop")
    person.wait(notebook, "stopped")
    person.api("DELETE", f"/notebooks/{notebook}")
    return Started(
        end - begin,
        {
            "request": created - begin,
            "queue, image, container": seen["started_ms"] - created,
            "JupyterLab until it answers": seen["ready_ms"] - seen["started_ms"],
            "until the client sees it": running - seen["ready_ms"],
            "ticket, cookie, first answer": end - running,
        },
    )


def stamps(instance: Instance, notebook: str) -> dict[str, float]:
    """When what happened by the appliance's own account, in seconds."""
    db = open_db(instance.config.paths.database)
    sql = f"SELECT {', '.join(STAMPS)} FROM workloads WHERE owner_id = ? ORDER BY seq DESC"
    found = rows(db, sql, (notebook,))[0]
    db.conn.close()
    return {name: found[name] / 1000 for name in STAMPS}


def bare_run(instance: Instance) -> Started:
    """The same by hand: without user namespace, files, a network of the team or a readable log."""
    name = f"bench-{uuid4().hex[:8]}"
    sockets = instance.data / name
    sockets.mkdir(mode=0o777)
    begin = time.time()
    try:
        podman(instance, *bare_argv(instance, name, sockets))
        started = time.time()
        wait_until(lambda: SocketProber().ready(sockets / "app.sock", "/n/bench/api"), name)
        end = time.time()
    finally:
        podman(instance, "rm", "--force", "--time=0", name)
        shutil.rmtree(sockets)
    parts = {"podman run": started - begin, "JupyterLab until it answers": end - started}
    return Started(end - begin, parts)


def bare_argv(instance: Instance, name: str, sockets: Path) -> list[str]:
    image = next(image for image in IMAGES if image.name == "notebook")
    socket = {"${SOCKET}": "/run/gateway/app.sock", "${BASE_URL}": "/n/bench/"}
    command = list(image.command)
    for placeholder, value in socket.items():
        command = [text.replace(placeholder, value) for text in command]
    volume = f"--volume={sockets}:/run/gateway"
    spec = last_spec(instance)
    limits = [
        f"--cpus={spec.resources.cpu_milli / 1000}",
        f"--memory={spec.resources.memory_mib}m",
        f"--shm-size={spec.resources.shm_mib}m",
    ]
    detached = ["run", "--detach", "--init", f"--name={name}", volume, *limits]
    return [*detached, spec.image, *command]


def last_spec(instance: Instance) -> WorkloadSpec:
    """What the last notebook ran."""
    db = open_db(instance.config.paths.database)
    found = rows(db, "SELECT final_spec FROM workloads ORDER BY seq DESC LIMIT 1")[0]
    db.conn.close()
    return WorkloadSpec.model_validate_json(found["final_spec"])


def podman(instance: Instance, *arguments: str) -> None:
    env = {
        "CONTAINERS_CONF": str(instance.config.paths.containers_conf),
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }
    subprocess.run(
        ["podman", *arguments], check=True, timeout=120, env=env, stdout=subprocess.DEVNULL
    )


def wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} does not answer after {GIVE_UP_S} s")
        time.sleep(LOOK_S)


def report(clicked: list[Started], bare: list[Started], limit: float) -> int:
    """Print the table; 1 if the ratio is over the limit."""
    print(f"Medians of {len(clicked)} interleaved rounds, in seconds")
    for title, runs in (("click to ready", clicked), ("bare podman run", bare)):
        seconds = [run.seconds for run in runs]
        print(
            f"{title:<34}{statistics.median(seconds):>8.3f}   {min(seconds):.3f} to {max(seconds):.3f}"
        )
        for part in runs[0].parts:
            print(f"    {part:<30}{statistics.median(run.parts[part] for run in runs):>8.3f}")
    # of neighbouring starts: what else the machine does changes slowly
    ratio = statistics.median(ours.seconds / theirs.seconds for ours, theirs in zip(clicked, bare))
    print(f"{'ratio, median of rounds':<34}{ratio:>8.2f}   at most {limit:.2f}")
    return int(ratio > limit)


if __name__ == "__main__":
    sys.exit(main())
