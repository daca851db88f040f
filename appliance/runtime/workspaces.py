"""Fills a notebook's directory before its first start: a clone of a git repository, or one notebook's file.

It is fetched beside its place, into a directory that only this workload knows, and moved there as a whole: where the place
is there, it was fetched. Killed or failed in between, the next start begins anew.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from appliance import settings
from appliance.config import Config
from appliance.db import Db
from appliance.errors import ApplianceError, NotFound, TryAgain, Unavailable
from appliance.runtime.files import TeamFiles
from appliance.runtime.limits import WORKSPACE_LOCAL, WORKSPACE_MIB, WORKSPACE_TIMEOUT_S
from appliance.runtime.places import Places, checked, ensure_team_dir
from appliance.runtime.spec import Workspace
from appliance.runtime.userns import run_in_userns
from appliance.runtime.workloads import Workload

_CHILD = "appliance.runtime._workspace_child"
_MEMORY_BYTES = 4 << 30  # git maps what it packs
_MOST_FILES = 200_000
_NOTE_EVERY_S = 0.5
_QUIET_S = 1.0
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_BLOB = re.compile(r"(https://)github\.com/([^/]+/[^/]+)/(?:blob|raw)/(.+\.ipynb)$")
_GITLAB = re.compile(r"(https?://.+)/-/blob/(.+\.ipynb)$")

Progress = Callable[[str], None]


class WorkspaceFailed(ApplianceError):
    """The workspace can't be had; the notebook is as it was, and its next start tries again."""


@dataclass(frozen=True)
class Bounds:
    """local: addresses of this machine are allowed, too. own: the network of its containers."""

    most_bytes: int
    timeout_s: int
    local: bool
    own: str


@dataclass(frozen=True)
class Job:
    """Whose workspace to fetch. uid: the first of the team's."""

    places: Places
    workload: Workload
    uid: int
    password: str = field(repr=False)

    @property
    def wanted(self) -> Workspace:
        assert self.workload.final.workspace is not None
        return self.workload.final.workspace

    @property
    def target(self) -> Path:
        return self.places.config.paths.notebooks / self.wanted.name


def bounds(db: Db, config: Config) -> Bounds:
    """The limits in force."""
    return Bounds(
        settings.get(db, WORKSPACE_MIB) << 20,
        settings.get(db, WORKSPACE_TIMEOUT_S),
        settings.get(db, WORKSPACE_LOCAL),
        str(config.pool),
    )


def is_notebook(url: str) -> bool:
    """Whether an address is that of one notebook, not of a repository."""
    return urlsplit(url).path.endswith(".ipynb")


def raw(url: str) -> str:
    """Where the file itself is that a page of GitHub or GitLab shows."""
    url = _BLOB.sub(r"\1raw.githubusercontent.com/\2/\3", url.partition("?")[0].partition("#")[0])
    return _GITLAB.sub(r"\1/-/raw/\2", url)


def fetch(job: Job, limits: Bounds, progress: Progress) -> None:
    """Fill the directory unless it is there. Blocks for as long as that takes; progress may raise to end it.

    WorkspaceFailed says what is wrong and what to do.
    """
    if job.target.exists():
        return
    part = _part(job.places, job.workload)
    drop(job.places, job.workload)
    ensure_team_dir(part, job.uid)
    progress("asking its server")
    _converse(job, part, limits, progress)
    os.rename(part, job.target)


def drop(places: Places, workload: Workload) -> None:
    """Remove what an unfinished fetch left, as far as that is possible now. Repeatable."""
    part = _part(places, workload)
    try:
        uid = part.lstat().st_uid
    except FileNotFoundError:
        return
    try:
        if uid:
            TeamFiles(part, uid, timeout_s=120).remove_tree(limit_s=100)
        part.rmdir()
    except (NotFound, TryAgain, Unavailable, OSError):
        return  # it does no harm there; a second fetch of this workload tries again


def _part(places: Places, workload: Workload) -> Path:
    return places.config.paths.notebooks / checked(workload.id)


def _request(job: Job, limits: Bounds) -> dict[str, Any]:
    one = is_notebook(job.wanted.url)
    env = job.places.hostenv.env
    return {
        "op": "download" if one else "git",
        "path": "",
        "url": raw(job.wanted.url) if one else job.wanted.url,
        "ref": job.wanted.ref,
        "username": job.wanted.username,
        "password": job.password,
        "proxies": {name: env[name] for name in _PROXIES if name in env},
        "local": limits.local,
        "own": limits.own,
        "file_bytes": limits.most_bytes,
        "most_files": _MOST_FILES,
        "memory_bytes": _MEMORY_BYTES,
    }


def _converse(job: Job, part: Path, limits: Bounds, progress: Progress) -> None:
    """Let the child work while we read what it says; closing our end of the pipe ends it."""
    reading, writing = os.pipe()

    def work() -> None:
        try:
            run_in_userns(
                job.uid, part, _request(job, limits), spool=writing,
                timeout_s=limits.timeout_s, child=_CHILD,
            )  # fmt: skip
        finally:
            os.close(writing)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            for text in _news(reading):
                progress(text)
        finally:
            os.close(reading)
        try:
            done.result()
        except ApplianceError as error:
            raise _failed(job.wanted, str(error)) from error


def _news(reading: int) -> Iterator[str]:
    """The latest of what was said, twice a second at most, and once a second when nothing is."""
    last, text = 0.0, "asking its server"
    while True:
        ready, _, _ = select.select([reading], [], [], _QUIET_S)
        part = os.read(reading, 1 << 16) if ready else b" "
        if not part:
            return
        lines = [line.strip() for line in re.split(r"[\r\n]", part.decode(errors="replace"))]
        text = next((line for line in reversed(lines) if line), text)[:200]
        if not ready or time.monotonic() - last > _NOTE_EVERY_S:
            last = time.monotonic()
            yield text


def _failed(wanted: Workspace, text: str) -> WorkspaceFailed:
    return WorkspaceFailed(
        f"the workspace {wanted.url} can't be fetched: {text}",
        hint="check its address, ref, user name and password, then start the notebook again",
    )
