"""A lab in memory: real database, plugins, web application and supervisor; containers that exist in a fake engine only.

Time stands still until a test moves it, and nothing happens by itself: `settle` takes turns until nothing changes.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache

from appliance import boot, config, identity, sessions
from appliance.access import Principal
from appliance.app import create_app
from appliance.clock import ManualClock
from appliance.context import Context
from appliance.db import Db, write
from appliance.identity import Role, Team, User
from appliance.plugins import InstanceType, loader
from appliance.plugins.registry import Registry
from appliance.runtime import catalogue, layout, socketdir, worker, workloads
from appliance.runtime.fake import FakeBackend, FakeBuilder
from appliance.runtime.hostenv import HostEnv
from appliance.runtime.imagework import ImageWork
from appliance.runtime.lifecycle import Lifecycle
from appliance.runtime.places import Places
from appliance.runtime.scheduler import Capacity
from appliance.runtime.supervisor import Supervisor
from appliance.runtime.tokens import workload_token
from appliance.runtime.watching import LOOK_EVERY_TURNS, Watching
from appliance.runtime.workloads import Workload
from plugins_builtin.auth_password import service as passwords
from plugins_builtin.auth_password import store as password_store
from plugins_builtin.instance_types import service as instance_types
from tests.person import PASSWORD, Person, Thing

# What the lab's machine has: one C2, or two C1. A C4 never fits.
CAPACITY = Capacity(2000, 8192)
MOST_TURNS = 60


class Compiled(BytecodeCache):
    """Templates compiled once for all labs."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._known:
            bucket.bytecode_from_string(self._known[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


class Bound:
    """Stands for the appliance of the lab that has an application just now.

    Making an application takes longer than most tests, so those of closed labs are used again.
    """

    appliance: boot.Appliance

    def __getattr__(self, name: str) -> Any:
        return getattr(self.appliance, name)

    @property
    def clock(self) -> BoundClock:
        return BoundClock(self)


@dataclass(frozen=True)
class BoundClock:
    """The clock of the lab that has the application."""

    bound: Bound

    def now_ms(self) -> int:
        return self.bound.appliance.clock.now_ms()


FREE: list[tuple[Flask, Bound]] = []


def take_app(appliance: boot.Appliance) -> tuple[Flask, Bound]:
    """An application for an appliance with the lab's plugins: of a lab that is closed, or a new one."""
    if FREE:
        app, bound = FREE.pop()
        bound.appliance = appliance
    else:
        bound = Bound()
        bound.appliance = appliance
        app = create_app(bound)  # type: ignore[arg-type]
    app.secret_key = appliance.keys.mac("flask", "flashes")
    return app, bound


class Inline(Executor):
    """Does at once what it is handed; a kill goes through to the test."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class LabSupervisor(Supervisor):
    """On a machine of known size."""

    def capacity(self, db: Db) -> Capacity:
        return CAPACITY


class Prober:
    """Somebody listens as soon as the fake engine says so."""

    def __init__(self, places: Places, backend: FakeBackend) -> None:
        self._places, self._backend = places, backend

    def ready(self, socket: Path, path: str) -> bool:
        return self._backend.is_listening(self._places.container_name(socket.parent.name))


@functools.cache
def registry() -> Registry:
    """The builtin plugins, with the sizes of the lab's machine."""
    found = loader.load()
    sizes = [*instance_types.generate(CAPACITY), InstanceType("C4", 4000, 4096)]
    return replace(found, instance_types=MappingProxyType({kind.name: kind for kind in sizes}))


@functools.cache
def hashed(password: str) -> str:
    """As it is stored; slow on purpose, so once is enough."""
    made: str = vars(passwords)["_hashed"](password)
    return made


@functools.cache
def image(name: str) -> str:
    """The reference of an image of the catalogue."""
    return catalogue.reference(registry().images, name)


class Lab:
    """One appliance without processes. Close it, or its socket directories stay mounted."""

    def __init__(
        self, backend: type[FakeBackend] = FakeBackend, parent: Path | None = None
    ) -> None:
        # in memory where that can be had: a busy disk makes every commit wait
        memory = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
        self.root = Path(tempfile.mkdtemp(prefix="lab", dir=parent or memory))
        self.config = config.fresh(self.root, [])
        layout.ensure_layout(self.config)
        self.clock = ManualClock()
        self.appliance = boot.assemble(self.config, registry(), self.clock)
        boot.migrate(self.appliance)
        self.tables = self._tables()
        self.backend = backend(self.clock, [image("base"), image("notebook")])
        self.builder = FakeBuilder(self.backend)
        self.boot_id = "first-boot"
        self.used_by = ""
        self._taken: list[tuple[Flask, Bound]] = []
        self.restart()

    @functools.cached_property
    def app(self) -> Flask:
        if self.appliance.registry is registry():
            self._taken.append(take_app(self.appliance))
            app = self._taken[0][0]
        else:
            app = create_app(self.appliance)
        app.jinja_env.bytecode_cache = COMPILED
        app.testing = True  # a bug is an exception in the test, not a page
        return app

    @property
    def db(self) -> Db:
        return self.appliance.local.get()

    @property
    def system(self) -> Context:
        """A context that may do everything."""
        return self.appliance.context()

    def close(self) -> None:
        """Leave nothing on the host. Every table must come from a migration."""
        FREE.extend(self._taken)
        made_by_hand = self._tables() - self.tables
        for path in socketdir.mounted(self.config.paths.run):
            socketdir.remove(path)
        self.db.conn.close()
        shutil.rmtree(self.root)
        assert not made_by_hand, f"tables that no migration made: {made_by_hand}"

    def _tables(self) -> set[str]:
        return set(self.db.table_names())

    def restart(self, boot_id: str = "") -> None:
        """What is left after kill -9 of the supervisor, and of the machine if boot_id is a new one."""
        self.boot_id = boot_id or self.boot_id
        self.places = Places(self.config, self.appliance.keys, HostEnv())
        self.lifecycle = Lifecycle(
            self.config,
            self.backend,
            self.places,
            Prober(self.places, self.backend),
            self.appliance.local,
            self.clock,
            self.boot_id,
            self.appliance.registry.images,
        )
        self.supervisor = LabSupervisor(
            self.appliance, self.backend, self.lifecycle, Inline(), Inline()
        )
        self.watching = Watching(
            self.appliance,
            self.backend,
            self.places,
            [lambda look: self.used_by],
            self.clock.awake_ms,
        )
        self.image_work = ImageWork(
            self.appliance, self.backend, self.builder, self.places, Inline()
        )

    def settle(self) -> None:
        """Turns of worker and supervisor until nothing changes."""
        for _ in range(MOST_TURNS):
            before = self._seen()
            worker.turn(self.system)
            self.supervisor.turn()
            self.image_work.turn()
            if self._seen() == before:
                return
        raise AssertionError("it never comes to rest")

    def live(self, hours: float, used_by: str = "") -> None:
        """Time goes by, minute by minute, while notebooks are used by something, or by nothing."""
        self.used_by = used_by
        for _ in range(round(hours * 60)):
            self.clock.advance(60)
            self.watch()
            for loop in self.appliance.registry.loops.values():
                loop.run(self.system)
            self.settle()

    def watch(self) -> None:
        """One look of the supervisor at what runs."""
        for _ in range(LOOK_EVERY_TURNS):
            self.watching.turn()

    def _seen(self) -> tuple[Any, ...]:
        mounted = socketdir.mounted(self.config.paths.run)
        return self.db.conn.total_changes, dict(vars(self.backend)["_containers"]), mounted

    def team(self, namespace: str) -> Team:
        """The team of this namespace, made if it is new."""
        found = identity.team_by_namespace(self.db, namespace)
        if found is None:
            with write(self.db) as db:
                found = identity.add_team(db, namespace, namespace.title())
        return found

    def user(
        self, handle: str, team: str = "lab", role: Role = "member", admin: bool = False
    ) -> User:
        """A user of a team who can't sign in: cheap."""
        group = self.team(team)
        found = identity.user_by_handle(self.db, handle)
        with write(self.db) as db:
            user = found or identity.add_user(db, handle, f"{handle}@example.org", admin)
            identity.set_member(db, group.id, user.id, role)
        return user

    def acting(self, handle: str, team: str = "lab") -> Context:
        """A context as this user, for services."""
        user = self.user(handle, team) if not identity.user_by_handle(self.db, handle) else None
        user = user or identity.user_by_handle(self.db, handle)
        assert user is not None
        principal = Principal("user", user_id=user.id, user_name=handle, team_id=self.team(team).id)
        return self.appliance.context(principal)

    def person(
        self, handle: str, team: str = "lab", role: Role = "member", admin: bool = False
    ) -> Person:
        """A user at a browser, signed in with a password."""
        user = self.user(handle, team, role, admin)
        with write(self.db) as db:
            password_store.put(db, user.id, hashed(PASSWORD))
            sessions.end_all(db, user.id)
            team_id = identity.teams_of(db, user.id)[0].id
            token = sessions.start(db, user.id, team_id, "password")
        person = Person(self, user)
        person.carry(token)
        return person

    def workload(self, owner: Thing | str) -> Workload:
        """The newest workload of a notebook."""
        owner_id = owner if isinstance(owner, str) else owner.id
        return workloads.latest(self.db, [owner_id])[owner_id]

    def token(self, owner: Thing | str) -> str:
        """The token of its newest workload."""
        return workload_token(self.appliance.keys, self.workload(owner).id)

    def container(self, owner: Thing | str) -> str:
        """The name of the container of its newest workload."""
        return self.places.container_name(self.workload(owner).id)

    def leftovers(self) -> list[str]:
        """Containers and mounts that are on the host now."""
        mounted = socketdir.mounted(self.config.paths.run)
        return [*vars(self.backend)["_containers"], *(path.name for path in mounted)]


@contextmanager
def opened(backend: type[FakeBackend] = FakeBackend, parent: Path | None = None) -> Iterator[Lab]:
    """A lab for the length of a block; its data in a directory below `parent`."""
    assert os.geteuid() == 0, "the lab mounts and owns directories: run as root"
    lab = Lab(backend, parent)
    try:
        yield lab
    finally:
        lab.close()
