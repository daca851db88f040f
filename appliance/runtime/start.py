"""What `appliance up` is made of, joined: engine, images, database; and its end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from appliance import boot
from appliance.clock import SystemClock
from appliance.config import Config
from appliance.context import Context
from appliance.db import Db, open_db, write
from appliance.errors import ApplianceError, Unavailable
from appliance.plugins import loader
from appliance.runtime import (
    catalogue,
    hostenv,
    images,
    netns,
    network,
    plugincheck,
    podman_service,
    socketdir,
    strays,
    workloads,
)
from appliance.runtime.backend import Progress
from appliance.runtime.podman import PodmanBackend
from appliance.runtime.up import Parts


def program() -> Path:
    """The `appliance` command of this installation."""
    return Path(sys.executable).with_name("appliance")


def prepare_engine(config: Config) -> None:
    """Podman's configuration for this host."""
    podman_service.write_containers_conf(config.paths, podman_service.detect())


def ensure_images(config: Config, progress: Progress) -> None:
    """Build what is missing of the catalogue and not built on demand, parents first. Minutes at the first start."""
    registry = loader.load()
    host = hostenv.detect(os.environ, hostenv.default_pip_files(os.environ))
    for image in catalogue.to_build(registry.images):
        if image.recipe is not None and not image.on_demand:
            base = catalogue.reference(registry.images, image.parent) if image.parent else ""
            images.ensure_recipe_image(image.recipe, image.name, config.paths, host, progress, base)


def setup(config: Config) -> str | None:
    """Bring the database up to date; on a new one make the first admin. Returns the credentials then."""
    appliance = boot.assemble(config, loader.load(), SystemClock())
    boot.migrate(appliance)
    plugincheck.check(appliance.local.get(), config)
    told = _run_steps(appliance.context())
    return "   ".join(f"{key}: {value}" for key, value in told.items()) or None


def _run_steps(ctx: Context) -> dict[str, str]:
    told: dict[str, str] = {}
    for step in ctx.registry.setup:
        told.update(step.run(ctx, os.environ))
    return told


PARTS = Parts(prepare_engine, ensure_images, setup)


def stop_all(config: Config) -> None:
    """End every container of this instance and remove what it put on the host; files stay.

    Rows come first: killed in between, the next start removes the containers that no row wants. A step that fails
    keeps none of the others from being taken; Unavailable says at the end what is left.
    """
    paths = config.paths
    if paths.database.exists() and paths.database.stat().st_size:
        _end_workloads(open_db(paths.database))
    failures = []
    for step in (_stop_containers, _remove_mounts, network.remove_all):
        try:
            step(config)
        except ApplianceError as error:
            failures.append(str(error))
    if failures:
        raise Unavailable("; ".join(failures), hint="run scripts/up --stop again")


def _stop_containers(config: Config) -> None:
    """Containers and networks; the engine's server lives as long as that takes."""
    paths = config.paths
    engine = podman_service.PodmanService(
        paths.podman_socket, paths.containers_conf, paths.run / "podman.log"
    )
    engine.ensure()
    try:
        backend = PodmanBackend(paths.podman_socket, config.instance)
        network.remove_keepers(config)
        for container in backend.list():
            print(f"stopping {container.name}", flush=True)
            backend.stop(container.name, 10)
            backend.remove(container.name)
        for monitor in strays.monitors(config):
            strays.remove(monitor)
        netns.remove_all(config)
        for team_slot in _network_slots(paths.networks):
            backend.remove_network(network.team_network(config, team_slot).name)
    finally:
        engine.stop()


def _remove_mounts(config: Config) -> None:
    for root in (config.paths.env, config.paths.sockets):
        for directory in socketdir.mounted(root):
            socketdir.remove(directory)


def _end_workloads(db: Db) -> None:
    """What has a container is stopped now; what waits goes on waiting."""
    with write(db):
        for workload in workloads.live(db):
            if workload.state != "pending":
                message = "the appliance was stopped; start it again"
                workloads.end(db, workload.id, "stopped", "ApplianceStopped", message)


def _network_slots(networks: Path) -> list[int]:
    """Team slots that have a network, from the names of Podman's files (`…-t<slot>.json`)."""
    slots = [path.stem.rpartition("-t")[2] for path in networks.glob("*-t*.json")]
    return [int(slot) for slot in slots if slot.isdigit()]
