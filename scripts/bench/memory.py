#!/usr/bin/env python3
"""What an idle appliance needs: proportional memory (PSS) of each of its processes, against a limit.

Waits until nothing is left to do, then reads smaps_rollup. Containers are users' memory and don't count.
Needs root and what scripts/up installs. Starts an appliance of its own, and removes it.

    scripts/bench/memory.py [--limit 250] [--settle 20]
    scripts/bench/memory.py --data DIR        one that runs already
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from appliance.config import load  # noqa: E402  (needs the path above)
from tests.journeys.client import Person  # noqa: E402
from tests.journeys.conftest import fresh_instance  # noqa: E402
from tests.journeys.instance import PASSWORD  # noqa: E402

PAGES = ("/", "/projects", "/v1/health", "/v1/notebooks")


@dataclass(frozen=True)
class Usage:
    """One process. pss: its share of shared pages counted in; private: what its end would free. MB of 10^6 bytes."""

    service: str
    pid: int
    pss: float
    private: float
    threads: int


def main() -> int:
    parser = argparse.ArgumentParser(description="Idle memory of all our processes.")
    parser.add_argument("--limit", type=float, default=250, help="MB in all")
    parser.add_argument("--settle", type=float, default=20, help="seconds of idling before")
    parser.add_argument("--data", type=Path, help="a running appliance, instead of one of its own")
    options = parser.parse_args()
    with running(options.data) as data:
        time.sleep(options.settle)
        found = [usage(service, pid) for service, pid in processes(data)]
    return report(found, options.limit)


@contextmanager
def running(data: Path | None) -> Iterator[Path]:
    """The data directory of an appliance that has answered every kind of request."""
    if data is not None:
        yield data
        return
    instance = fresh_instance()
    instance.start()
    try:
        person = Person(instance.url, "admin", PASSWORD)
        for _ in range(20):  # enough for every worker and thread
            for path in PAGES:
                person.request("GET", path)
        person.close()
        yield instance.data
    finally:
        instance.destroy()


def processes(data: Path) -> list[tuple[str, int]]:
    """Manager and services with their descendants, except containers and what belongs to them."""
    run = load(data).paths.run
    roots = [("manager", int((run / "up.lock").read_text()))]
    roots += [(file.stem, int(file.read_text())) for file in sorted((run / "pid").glob("*.pid"))]
    named = {pid: service for service, pid in roots}
    found: list[tuple[str, int]] = []
    for service, pid in roots:
        found += [(service, pid), *((name(service, child), child) for child in below(pid, named))]
    return found


def below(pid: int, named: dict[int, str]) -> list[int]:
    """Descendants that are no service of their own."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            if child not in named and not is_container(child):
                found += [child, *below(child, named)]
    return found


def is_container(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().strip() == "conmon"


def name(service: str, pid: int) -> str:
    program = Path(f"/proc/{pid}/comm").read_text().strip()
    return f"{service}: {program}" if program == "podman" else f"{service}: worker"


def usage(service: str, pid: int) -> Usage:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = {key: int(rest.split()[0]) for key, rest in fields(text)}
    private = kib["Private_Clean"] + kib["Private_Dirty"]
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    return Usage(service, pid, kib["Pss"] * 1024 / 1e6, private * 1024 / 1e6, threads)


def fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines()[1:]:  # the first names the range of addresses
        key, _, rest = line.partition(":")
        yield key, rest


def report(found: list[Usage], limit: float) -> int:
    """Print the table; 1 if the sum is over the limit."""
    print(f"{'process':<24}{'PSS MB':>8}{'private MB':>12}{'threads':>9}")
    for item in found:
        print(f"{item.service:<24}{item.pss:>8.1f}{item.private:>12.1f}{item.threads:>9}")
    total = sum(item.pss for item in found)
    print(f"{'sum':<24}{total:>8.1f}{'':>21}   at most {limit:.0f} MB, ratio {total / limit:.2f}")
    return int(total > limit)


if __name__ == "__main__":
    sys.exit(main())
