"""The life of every container as rows: what is wanted, what is, who holds which resources, where the gateway goes.

Web and worker write what should be (`submit`, `request_stop`, `finalize`); the supervisor writes what is (`move` and all
below it). All SQL of these tables is here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlite_utils import Database, Migrations

from appliance.db import Db, execute, row, rows, script
from appliance.errors import Conflict, NotFound
from appliance.events import emit
from appliance.ids import new_id
from appliance.runtime import states
from appliance.runtime.scheduler import Lease, Wait
from appliance.runtime.spec import WorkloadSpec

migrations = Migrations("workloads")


@migrations()
def m001_workloads(db: Database) -> None:
    script(
        db,
        """
        CREATE TABLE workloads (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            owner_id TEXT NOT NULL, project_id TEXT NOT NULL, team_id TEXT NOT NULL, user_id TEXT NOT NULL,
            spec TEXT NOT NULL, final_spec TEXT, priority INTEGER NOT NULL DEFAULT 0, label TEXT NOT NULL,
            state TEXT NOT NULL, step TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
            message TEXT NOT NULL DEFAULT '', wanted TEXT NOT NULL DEFAULT 'run', stop_reason TEXT NOT NULL DEFAULT '',
            wait_position INTEGER NOT NULL DEFAULT 0, wait_reason TEXT NOT NULL DEFAULT '', boot_id TEXT NOT NULL DEFAULT '',
            image_digest TEXT NOT NULL DEFAULT '', exit_code INTEGER, created_ms INTEGER NOT NULL, started_ms INTEGER,
            ready_ms INTEGER, ended_ms INTEGER);
        CREATE INDEX workloads_by_owner ON workloads (owner_id, seq);
        CREATE INDEX workloads_live ON workloads (state) WHERE ended_ms IS NULL;
        CREATE TABLE leases (
            workload_id TEXT PRIMARY KEY REFERENCES workloads(id), cpu_milli INTEGER NOT NULL, memory_mib INTEGER NOT NULL);
        CREATE TABLE lease_devices (device TEXT PRIMARY KEY, workload_id TEXT NOT NULL REFERENCES leases(workload_id));
        CREATE TABLE routes (
            kind TEXT NOT NULL, target TEXT NOT NULL, workload_id TEXT NOT NULL REFERENCES workloads(id),
            project_id TEXT NOT NULL, permission TEXT NOT NULL, upstream TEXT NOT NULL, PRIMARY KEY (kind, target));
        """,
    )


@dataclass(frozen=True)
class Workload:
    """One container's life as a row. spec: as asked; final_spec: with what plugins added, None until then.

    owner_id: what it runs for, such as a notebook. step: what it is doing right now, for people.
    reason: a word for programs; message: a sentence for people. *_ms: UTC milliseconds.
    """

    seq: int
    id: str
    kind: str
    owner_id: str
    project_id: str
    team_id: str
    user_id: str
    spec_json: str
    final_json: str | None
    priority: int
    label: str
    state: str
    step: str
    reason: str
    message: str
    wanted: str
    stop_reason: str
    wait_position: int
    wait_reason: str
    boot_id: str
    image_digest: str
    exit_code: int | None
    created_ms: int
    started_ms: int | None
    ready_ms: int | None
    ended_ms: int | None

    @cached_property
    def spec(self) -> WorkloadSpec:
        return WorkloadSpec.model_validate_json(self.spec_json)

    @cached_property
    def final(self) -> WorkloadSpec:
        """The spec to run; NotFound before plugins had their say."""
        if self.final_json is None:
            raise NotFound(f"workload {self.id} is not final yet")
        return WorkloadSpec.model_validate_json(self.final_json)

    @property
    def live(self) -> bool:
        return self.state in states.LIVE


def _load(found: dict[str, Any]) -> Workload:
    found["spec_json"] = found.pop("spec")
    found["final_json"] = found.pop("final_spec")
    return Workload(**found)


def submit(
    db: Db,
    spec: WorkloadSpec,
    *,
    owner_id: str,
    project_id: str,
    team_id: str,
    user_id: str,
    label: str,
) -> str:
    """Put a workload into the queue; Conflict while its owner has a live one. Call inside `write`."""
    if row(db, "SELECT 1 FROM workloads WHERE owner_id = ? AND ended_ms IS NULL", (owner_id,)):
        raise Conflict(f"{label} is running or waiting already", hint="stop it first")
    workload_id = new_id("w")
    execute(
        db,
        "INSERT INTO workloads (id, kind, owner_id, project_id, team_id, user_id, spec, label, state, created_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?)",
        (
            workload_id, spec.kind, owner_id, project_id, team_id, user_id, spec.model_dump_json(), label,
            db.clock.now_ms(),
        ),
    )  # fmt: skip
    _tell(db, get(db, workload_id), "pending")
    return workload_id


def get(db: Db, workload_id: str) -> Workload:
    found = row(db, "SELECT * FROM workloads WHERE id = ?", (workload_id,))
    if found is None:
        raise NotFound(f"no workload {workload_id}")
    return _load(found)


def latest(db: Db, owner_ids: Iterable[str]) -> dict[str, Workload]:
    """The newest workload of each owner that has one."""
    wanted = json.dumps(list(owner_ids))
    found = rows(
        db,
        "SELECT w.* FROM workloads w JOIN (SELECT max(seq) AS seq FROM workloads"
        " WHERE owner_id IN (SELECT value FROM json_each(?)) GROUP BY owner_id) newest ON newest.seq = w.seq",
        (wanted,),
    )
    return {item["owner_id"]: _load(item) for item in found}


def history(db: Db, owner_id: str, limit: int = 50) -> list[Workload]:
    """Workloads of an owner, newest first; limit -1: all."""
    found = rows(
        db,
        "SELECT * FROM workloads WHERE owner_id = ? ORDER BY seq DESC LIMIT ?",
        (owner_id, limit),
    )
    return [_load(item) for item in found]


def live(db: Db) -> list[Workload]:
    """All that have not ended, oldest first."""
    return [
        _load(item)
        for item in rows(db, "SELECT * FROM workloads WHERE ended_ms IS NULL ORDER BY seq")
    ]


def unfinal(db: Db) -> list[Workload]:
    """Queued workloads that plugins have not extended yet."""
    found = rows(
        db,
        "SELECT * FROM workloads WHERE ended_ms IS NULL AND final_spec IS NULL ORDER BY seq LIMIT 100",
    )
    return [_load(item) for item in found]


def finalize(db: Db, workload_id: str, spec: WorkloadSpec) -> None:
    """Store the spec to run. Nothing happens when it ended meanwhile. Call inside `write`."""
    execute(
        db,
        "UPDATE workloads SET final_spec = ? WHERE id = ? AND ended_ms IS NULL AND final_spec IS NULL",
        (spec.model_dump_json(), workload_id),
    )


def request_stop(db: Db, workload_id: str, reason: str) -> None:
    """Wish its end; one that still waits ends at once. Repeatable. Call inside `write`."""
    workload = get(db, workload_id)
    if not workload.live or workload.wanted == "stop":
        return
    execute(
        db,
        "UPDATE workloads SET wanted = 'stop', stop_reason = ? WHERE id = ?",
        (reason, workload_id),
    )
    if workload.state == "pending":
        end(db, workload_id, "canceled", "Canceled", reason or "canceled while it waited")


def move(db: Db, workload_id: str, state: str, *, step: str = "") -> bool:
    """Go on to a live state and tell it; False when the machine does not allow the step any more. Inside `write`."""
    workload = get(db, workload_id)
    if not states.may_follow(workload.state, state):
        return False
    stamp = {"starting": "started_ms", "running": "ready_ms"}.get(state)
    stamped = f", {stamp} = {db.clock.now_ms()}" if stamp else ""
    execute(
        db,
        f"UPDATE workloads SET state = ?, step = ?, wait_position = 0, wait_reason = ''{stamped} WHERE id = ?",
        (state, step, workload_id),
    )
    if state == "stopping":
        execute(db, "DELETE FROM routes WHERE workload_id = ?", (workload_id,))
    _tell(db, workload, state)
    return True


def started(db: Db, workload_id: str, boot_id: str) -> bool:
    """Its container runs, since this boot of the machine; False as `move`. Inside `write`."""
    execute(db, "UPDATE workloads SET boot_id = ? WHERE id = ?", (boot_id, workload_id))
    return move(db, workload_id, "starting")


def end(
    db: Db, workload_id: str, state: str, reason: str, message: str, exit_code: int | None = None
) -> bool:
    """Record how it ended and give back all it held, in one step; False when it had ended. Inside `write`."""
    workload = get(db, workload_id)
    if not workload.live:
        return False
    execute(db, "DELETE FROM routes WHERE workload_id = ?", (workload_id,))
    execute(db, "DELETE FROM lease_devices WHERE workload_id = ?", (workload_id,))
    execute(db, "DELETE FROM leases WHERE workload_id = ?", (workload_id,))
    execute(
        db,
        "UPDATE workloads SET state = ?, reason = ?, message = ?, exit_code = ?, ended_ms = ?, step = '',"
        " wait_position = 0, wait_reason = '' WHERE id = ?",
        (state, reason, message[:2000], exit_code, db.clock.now_ms(), workload_id),
    )
    _tell(db, workload, state)
    return True


def note(db: Db, workload_id: str, step: str) -> None:
    """Say what it is doing now, while its state stays. Inside `write`."""
    workload = get(db, workload_id)
    if workload.live and workload.step != step:
        execute(db, "UPDATE workloads SET step = ? WHERE id = ?", (step[:500], workload_id))
        _tell(db, workload, workload.state)


def remark(db: Db, workload_id: str, message: str) -> None:
    """Tell its user something that holds while it lives. Inside `write`."""
    execute(db, "UPDATE workloads SET message = ? WHERE id = ?", (message[:2000], workload_id))


def set_image_digest(db: Db, workload_id: str, digest: str) -> None:
    execute(db, "UPDATE workloads SET image_digest = ? WHERE id = ?", (digest, workload_id))


def move_owner(db: Db, owner_id: str, project_id: str) -> None:
    """What it runs for is in another project now, and so are its past workloads. Inside `write`, none of them live."""
    execute(db, "UPDATE workloads SET project_id = ? WHERE owner_id = ?", (project_id, owner_id))


def set_boot(db: Db, workload_id: str, boot_id: str) -> None:
    """Its container is of this boot of the machine. Inside `write`."""
    execute(db, "UPDATE workloads SET boot_id = ? WHERE id = ?", (boot_id, workload_id))


def leases(db: Db) -> list[Lease]:
    """Who holds what: the single truth about the machine's resources."""
    devices: dict[str, list[str]] = {}
    for item in rows(db, "SELECT * FROM lease_devices ORDER BY device"):
        devices.setdefault(item["workload_id"], []).append(item["device"])
    found = rows(
        db,
        "SELECT l.*, w.label FROM leases l JOIN workloads w ON w.id = l.workload_id ORDER BY w.seq",
    )
    return [
        Lease(
            item["workload_id"], item["cpu_milli"], item["memory_mib"],
            tuple(devices.get(item["workload_id"], ())), item["label"],
        )
        for item in found
    ]  # fmt: skip


def grant(db: Db, lease: Lease, boot_id: str) -> bool:
    """Start a waiting workload: its lease and its state in one step; False when it no longer waits. Inside `write`."""
    if not move(db, lease.id, "provisioning"):
        return False
    execute(db, "UPDATE workloads SET boot_id = ? WHERE id = ?", (boot_id, lease.id))
    execute(
        db, "INSERT INTO leases VALUES (?, ?, ?)", (lease.id, lease.cpu_milli, lease.memory_mib)
    )
    for device in lease.devices:
        execute(db, "INSERT INTO lease_devices VALUES (?, ?)", (device, lease.id))
    return True


def set_wait(db: Db, wait: Wait) -> None:
    """Show position and reason of one that waits; told only when they changed. Inside `write`."""
    changed = execute(
        db,
        "UPDATE workloads SET wait_position = ?, wait_reason = ? WHERE id = ? AND state = 'pending'"
        " AND (wait_position <> ? OR wait_reason <> ?)",
        (wait.position, wait.reason, wait.id, wait.position, wait.reason),
    )
    if changed:
        _tell(db, get(db, wait.id), "pending")


@dataclass(frozen=True)
class RouteRow:
    """Where the gateway goes for one target, and what it takes to go there."""

    kind: str
    target: str
    workload_id: str
    project_id: str
    permission: str
    upstream: str


def open_route(db: Db, workload: Workload, upstream: str) -> None:
    """Let the gateway reach a running workload. Inside `write`."""
    route = workload.final.route
    if route is None:
        return
    execute(
        db,
        "INSERT OR REPLACE INTO routes VALUES (?, ?, ?, ?, ?, ?)",
        (route.kind, route.target, workload.id, workload.project_id, route.permission, upstream),
    )


def route_to(db: Db, kind: str, target: str) -> RouteRow | None:
    """The open route to a target, or None while nothing runs there."""
    found = row(db, "SELECT * FROM routes WHERE kind = ? AND target = ?", (kind, target))
    return RouteRow(**found) if found else None


def _tell(db: Db, workload: Workload, state: str) -> None:
    emit(
        db, f"{workload.kind}.{state}", subject=workload.owner_id, team_id=workload.team_id,
        project_id=workload.project_id, actor=workload.user_id, workload=workload.id,
    )  # fmt: skip
