"""The supervisor's main: what it owns on the host, and the threads beside its turns."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from appliance.boot import Appliance
from appliance.config import Config
from appliance.errors import ApplianceError, Conflict
from appliance.runtime import (
    capacity,
    connections,
    hostenv,
    loops,
    network,
    notify,
    podman_service,
    proxy,
    slots,
    wake,
)
from appliance.runtime.backend import Backend
from appliance.runtime.builder import PodmanBuilder
from appliance.runtime.closing import close_marked
from appliance.runtime.diskwatch import TURN_S as DISK_TURN_S
from appliance.runtime.diskwatch import DiskWatch
from appliance.runtime.filework import FileWork
from appliance.runtime.imagework import AT_ONCE, ImageWork
from appliance.runtime.lifecycle import Lifecycle
from appliance.runtime.logwork import LogWork
from appliance.runtime.netns import NamespaceSweep
from appliance.runtime.places import Places
from appliance.runtime.podman import PodmanBackend
from appliance.runtime.podman_service import PodmanService
from appliance.runtime.probe import SocketProber
from appliance.runtime.strays import StraySweep
from appliance.runtime.supervisor import Supervisor
from appliance.runtime.watching import TURN_S as WATCH_TURN_S
from appliance.runtime.watching import Watching

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent.parent / "web" / "static"
POOL_THREADS = 16
LOG_TURN_S = 0.3
CONNECTION_TURN_S = 0.5
SWEEP_TURN_S = 10.0
HOST_TURN_S = 30.0
IMAGE_TURN_S = 1.0


@dataclass(frozen=True)
class Turner:
    """A thread that turns for ever: at every wake-up, and after so many seconds at the latest."""

    name: str
    every_s: float
    turn: Callable[[], object]
    note: Callable[[str], None]
    news: threading.Event | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name=self.name, daemon=True).start()

    def _run(self) -> None:
        pause = self.news or threading.Event()
        while True:
            pause.wait(self.every_s)
            pause.clear()
            failure = ""
            try:
                self.turn()
            except ApplianceError as error:
                failure = str(error)
                log.warning("%s: %s", self.name, error)
            except (
                Exception
            ) as error:  # a bug in one turn must not end the thread: the next may work
                failure = f"{type(error).__name__}: {error}"
                log.exception("%s failed", self.name)
            self.note(failure)


class Notes:
    """How a thread is doing, for the health page. A database that is busy for once is no reason to end it."""

    def __init__(self, appliance: Appliance, name: str) -> None:
        self._appliance, self._name = appliance, f"supervisor {name}".strip()
        self._last: loops.LoopState | None = None

    def __call__(self, failure: str) -> None:
        try:
            self._last = loops.note(
                self._appliance.local.get(), self._name, failure[:2000], self._last
            )
        except sqlite3.Error as error:
            log.warning("%s can't be noted: %s", self._name, error)


def main(appliance: Appliance) -> None:
    """Run until killed. Conflict when another supervisor runs on this data directory."""
    config = appliance.config
    lock = _lock(config)
    _own_the_host(appliance)
    paths = config.paths
    # Again: a host may have changed since the installation, and limits are those of this process.
    podman_service.write_containers_conf(paths, podman_service.detect())
    engine = PodmanService(paths.podman_socket, paths.containers_conf, paths.run / "podman.log")
    engine.ensure()
    backend = PodmanBackend(paths.podman_socket, config.instance)
    host = hostenv.detect(
        os.environ, hostenv.default_pip_files(os.environ), [config.api_address, "appliance"]
    )
    places = Places(config, appliance.keys, host)
    lifecycle = Lifecycle(
        config,
        backend,
        places,
        SocketProber(),
        appliance.local,
        appliance.clock,
        capacity.boot_id(),
        appliance.registry.images,
    )
    pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="step")
    makers = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="make")
    supervisor = Supervisor(appliance, backend, lifecycle, pool, makers)
    file_news, image_news = threading.Event(), threading.Event()
    for turner in _turners(appliance, backend, places, file_news):
        turner.start()
    image_work = _image_work(appliance, backend, places)
    noted = Notes(appliance, "images")
    Turner("images", IMAGE_TURN_S, image_work.turn, noted, image_news).start()
    wake.watch(paths.wake, supervisor.again, file_news, image_news)
    notify.ready()
    _turn_for_ever(supervisor, engine, Notes(appliance, ""))
    os.close(lock)


def _image_work(appliance: Appliance, backend: Backend, places: Places) -> ImageWork:
    host = hostenv.detect(os.environ, hostenv.default_pip_files(os.environ))
    builder = PodmanBuilder(appliance.config, backend, host, appliance.registry.images)
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="build")
    return ImageWork(appliance, backend, builder, places, pool)


def _turn_for_ever(supervisor: Supervisor, engine: PodmanService, note: Notes) -> None:
    pause_s = 0.0
    while True:
        supervisor.wait(pause_s)
        failure = ""
        try:
            engine.ensure()
            pause_s = supervisor.turn()
        except ApplianceError as error:
            log.warning("%s", error)
            pause_s, failure = 1.0, str(error)
        except (
            Exception
        ) as error:  # a bug in one turn must not end the process that everything hangs on
            log.exception("turn failed")
            pause_s, failure = 1.0, f"{type(error).__name__}: {error}"
        note(failure)


def _lock(config: Config) -> int:
    descriptor = os.open(
        config.paths.run / "supervisor.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict("another supervisor runs on this data directory") from None
    return descriptor


def _own_the_host(appliance: Appliance) -> None:
    """Address, firewall, gateway and its links: made before the first container, repeated in case somebody removes them."""
    config = appliance.config
    network.ensure_api_address(config)
    network.ensure_firewall(config)
    proxy.prepare(config)
    for held in slots.all_held(appliance.local.get()):
        slots.link(config.paths, held)


def _turners(
    appliance: Appliance, backend: Backend, places: Places, file_news: threading.Event
) -> list[Turner]:
    config = appliance.config
    gateway = proxy.Gateway(config, appliance.clock)
    gateway_alone = threading.Lock()
    can_close = connections.can_close()

    def gateway_turn() -> None:
        with gateway_alone:
            gateway.want(
                proxy.site(config, STATIC, can_close=can_close)
            )  # a certificate may be new
            gateway.turn()

    def gateway_reload() -> None:
        with gateway_alone:
            gateway.reload()

    gateway_turn()

    def host_turn() -> None:
        network.ensure_api_address(config)
        network.ensure_firewall(config)
        proxy.rotate_logs(config)
        gateway_turn()

    file_work = FileWork(appliance, places)
    turns: list[tuple[str, float, Callable[[], object], threading.Event | None]] = [
        ("logs", LOG_TURN_S, LogWork(appliance, places).turn, None),
        ("files", 1.0, file_work.turn, file_news),
        ("connections", CONNECTION_TURN_S, lambda: close_marked(appliance, gateway_reload), None),
        ("disk", DISK_TURN_S, DiskWatch(appliance).turn, None),
        ("watching", WATCH_TURN_S, Watching(appliance, backend, places).turn, None),
        ("strays", SWEEP_TURN_S, StraySweep(appliance, backend).turn, None),
        ("namespaces", SWEEP_TURN_S, NamespaceSweep(appliance).turn, None),
        ("host", HOST_TURN_S, host_turn, None),
    ]
    return [
        Turner(name, every_s, turn, Notes(appliance, name), news)
        for name, every_s, turn, news in turns
    ]
