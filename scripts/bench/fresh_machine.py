#!/usr/bin/env python3
"""From a bare Debian 12 to the first executed cell, step by step, everything really installed.

A machine that has run this repository has its packages already, so the way is walked in two parts:

1. Debian packages: a bare Debian root is made by mmdebstrap (not counted: it stands for the machine);
   `apt-get update` and the install of scripts/lib.sh's list are timed in it.
2. All the rest: scripts/up of a copy of the checkout, on an empty data directory, with a virtual
   environment of its own and pip's cache off. The copies of the recipes differ by a comment, so their
   images have other names and are really built; they are removed at the end. Then sign in, start a
   notebook, run a cell.

Needs root, a Debian mirror, a Python index and what scripts/up installs.

    scripts/bench/fresh_machine.py [--limit 300]
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from appliance.runtime.images import recipe_tag  # noqa: E402  (needs the path above)
from tests.journeys.client import Person  # noqa: E402
from tests.journeys.instance import PASSWORD, free_port  # noqa: E402

HOME = Path("/var/lib/appliance-test")  # short, and services may enter it: not /tmp, not a home
MIRROR = "http://deb.debian.org/debian"
SUITE = "bookworm"
STEP = re.compile(r"\[\d+\] (.+)\n?")
SECONDS = re.compile(r"    (\d+\.\d) s\n?")
TIMEOUT_S = 1800

Steps = list[tuple[str, float]]


def main() -> int:
    parser = argparse.ArgumentParser(description="From a bare Debian to the first cell.")
    parser.add_argument("--limit", type=float, default=300, help="seconds in all")
    options = parser.parse_args()
    HOME.mkdir(mode=0o755, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="f", dir=HOME) as name:
        scratch = Path(name)
        scratch.chmod(0o755)
        steps = packages(scratch / "root")
        with changed_copy(scratch / "copy") as copy:
            steps += installed(copy, scratch / "data")
    return report(steps, options.limit)


def packages(root: Path) -> Steps:
    """Seconds of apt-get's two steps in a bare Debian below `root`."""
    show("making a bare Debian (not counted)")
    run("mmdebstrap", "--variant=important", SUITE, str(root), *sources())
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # no service of it may start on this machine
    policy.chmod(0o755)
    shell = 'set -eu; mount -t proc proc "$0/proc"; exec chroot "$0" "$@"'
    inside = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", shell, str(root)]
    inside += ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-q"]
    update = timed("apt-get update", *inside, "update")
    names = subprocess.run(
        ["bash", "-c", ". scripts/lib.sh; echo $PACKAGES"],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=10,
    ).stdout.split()  # fmt: skip
    install = [*inside, "install", "-y", "--no-install-recommends", *names]
    return [update, timed("apt-get install", *install)]


def sources() -> list[str]:
    """This host's own, else Debian's."""
    own = Path("/etc/apt/sources.list.d/debian.sources")
    return [str(own)] if own.exists() else [f"deb {MIRROR} {SUITE} main"]


@contextmanager
def changed_copy(copy: Path) -> Iterator[Path]:
    """A copy of the checkout whose recipes make other images, which are gone at the end."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, timeout=30
    ).stdout
    for path in filter(None, listed.decode().split("\0")):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy / path)
    recipes = copy / "plugins_builtin/images/recipes"
    for changed in (recipes / "base/rootfs.sh", recipes / "notebook/Containerfile"):
        with changed.open("a") as file:
            file.write(f"# {secrets.token_hex(8)}\n")
    base = recipe_tag(recipes / "base", "base")
    tags = [recipe_tag(recipes / "notebook", "notebook", base), base]
    try:
        yield copy
    finally:
        for tag in tags:
            subprocess.run(["podman", "rmi", tag], timeout=120, check=False, capture_output=True)


def installed(copy: Path, data: Path) -> Steps:
    """scripts/up until it is ready, and the first cell; removed again."""
    port, up = free_port(), str(copy / "scripts/up")
    env = {**os.environ, "APPLIANCE_ADMIN_PASSWORD": PASSWORD, "PIP_NO_CACHE_DIR": "1"}
    env.pop("APPLIANCE_VENV", None)
    process = subprocess.Popen(
        [up, "--data", str(data), "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, start_new_session=True,
    )  # fmt: skip
    try:
        steps = read_steps(process)
        return steps + first_cell(f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        subprocess.run([up, "--stop", "--data", str(data)], check=True, timeout=180, env=env)


def read_steps(process: subprocess.Popen[str]) -> Steps:
    """The steps that scripts/up names, with the seconds it says; the last one ends when it is ready."""
    steps: Steps = []
    said: list[str] = []
    name, begin = "", time.monotonic()
    for line in process.stdout or ():
        said.append(line)
        if found := STEP.fullmatch(line):
            name, begin = found[1], time.monotonic()
            show(f"scripts/up: {name}")
        elif found := SECONDS.fullmatch(line):
            steps.append((f"scripts/up: {name.partition(' in /')[0]}", float(found[1])))
        elif "Appliance is ready" in line:
            return [*steps, (f"scripts/up: {name}", time.monotonic() - begin)]
    raise SystemExit("scripts/up ended:\n" + "".join(said[-30:]))


def first_cell(url: str) -> Steps:
    """What a researcher does then, without the thinking."""
    begin = time.monotonic()
    person = Person(url, "admin", PASSWORD)
    notebook = person.notebook(person.project())
    person.wait(notebook, "running")
    started = time.monotonic()
    if person.enter(notebook).run("6*7") != "42":
        raise SystemExit("the cell answered something else")
    person.close()
    waited, ran = started - begin, time.monotonic() - started
    return [("sign in, start a notebook", waited), ("open it, run a cell", ran)]


def timed(name: str, *argv: str) -> tuple[str, float]:
    show(name)
    begin = time.monotonic()
    run(*argv)
    return name, time.monotonic() - begin


def run(*argv: str) -> None:
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(argv[:2])} failed:\n{done.stdout[-3000:]}")


def show(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def report(steps: Steps, limit: float) -> int:
    """Print the table; 1 if the sum is over the limit."""
    total = sum(seconds for _, seconds in steps)
    print(f"{'step':<40}{'seconds':>9}{'share':>8}")
    for name, seconds in steps:
        print(f"{name:<40}{seconds:>9.1f}{seconds / total:>8.0%}")
    print(f"{'sum':<40}{total:>9.1f}   at most {limit:.0f} s, ratio {total / limit:.2f}")
    print("apt-get: in a bare Debian made for it; the rest: scripts/up on an empty data directory,")
    print("images really built, pip without its cache. Packages come from this host's mirrors.")
    return int(total > limit)


if __name__ == "__main__":
    sys.exit(main())
