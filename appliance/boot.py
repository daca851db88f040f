"""What every process does first: read the configuration, load the plugins, open the database."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Migrations

from appliance import api_keys
from appliance import config as config_module
from appliance import crypto, db, events, identity, sessions, settings, vault
from appliance.access import SYSTEM, Principal
from appliance.clock import Clock, SystemClock
from appliance.config import Config
from appliance.context import Context
from appliance.plugins import loader, sources, verdicts
from appliance.plugins.registry import Registry
from appliance.runtime import (
    activity,
    builds,
    holders,
    local_images,
    loops,
    room,
    slots,
    tasks,
    workloads,
)

log = logging.getLogger(__name__)
Made = TypeVar("Made")

CORE_MIGRATIONS: tuple[Migrations, ...] = (
    vault.migrations,
    settings.migrations,
    identity.migrations,
    events.migrations,
    sessions.migrations,
    api_keys.migrations,
    workloads.migrations,
    slots.migrations,
    tasks.migrations,
    holders.migrations,
    loops.migrations,
    activity.migrations,
    room.migrations,
    builds.migrations,
    local_images.migrations,
    verdicts.migrations,
)


@dataclass(frozen=True)
class Appliance:
    """What a process has at hand; `context` gives each thread its own database connection."""

    config: Config
    keys: crypto.Keys
    registry: Registry
    clock: Clock
    local: db.LocalDb

    def context(self, principal: Principal = SYSTEM) -> Context:
        return Context(
            self.config, self.keys, self.registry, self.clock, self.local.get(), principal
        )


def boot(data: Path, clock: Clock | None = None) -> Appliance:
    """Ready to work; the database must have been migrated (`migrate`)."""
    config = config_module.load(data)
    return assemble(config, loader.load(), clock or SystemClock())


def boot_with_plugins(data: Path, clock: Clock | None = None) -> Appliance:
    """As `boot`, with third-party plugins that fit: for web, stream and worker, never for a process of root's.

    One that fails now although it was tried is left out, and noted for the admin.
    """
    config = config_module.load(data)
    database = db.open_db(config.paths.database)
    found = verdicts.usable(database, sources.find(config.paths.plugins))
    registry, reasons = loader.load_more(loader.builtin_modules(loader.BUILTIN), found)
    for name, reason in reasons.items():
        with db.write(database):
            verdicts.fail(database, name, reason)
    database.conn.close()
    return assemble(config, registry, clock or SystemClock())


def start_with_plugins(data: Path, use: Callable[[Appliance], Made]) -> Made:
    """What `use` makes of an appliance with all plugins that fit; of one without any third-party one if that fails.

    Each of them was tried, but what they do may depend on the day. What `use` raises even then goes through.
    """
    try:
        return use(boot_with_plugins(data))
    except (Exception, SystemExit):  # third-party code may raise anything; the rest must work
        log.exception("starting without third-party plugins")
        return use(boot(data))


def assemble(config: Config, registry: Registry, clock: Clock) -> Appliance:
    paths = config.paths
    local = db.LocalDb(paths.database, paths.wake, clock)
    return Appliance(
        config, crypto.load_keys(paths.secret_key, paths.key_ring), registry, clock, local
    )


def migrate(appliance: Appliance) -> None:
    """Bring the tables of core and plugins up to date. One process, before the others start."""
    db.migrate(appliance.local.get(), (*CORE_MIGRATIONS, *appliance.registry.migrations))
