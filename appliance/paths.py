"""The data directory: one object that knows where everything lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Paths below the data directory. Derived on access; creating them is `runtime/layout.py`'s job."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def secret_key(self) -> Path:
        return self.root / "secret.key"

    @property
    def key_ring(self) -> Path:
        """What seals the values in the database; a backup of one without the other is worth nothing."""
        return self.root / "secrets.keys"

    @property
    def database(self) -> Path:
        # In a directory of its own: SQLite's -wal and -shm files want a directory that the web's uid may
        # write, and that uid must not be able to rename `run` or `notebooks` beside it.
        return self.root / "db" / "appliance.db"

    @property
    def ballast(self) -> Path:
        """Nothing but room: deleted when the disk is full, so that we can go on."""
        return self.root / "ballast"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def lock(self) -> Path:
        """Held by who runs the services: the manager of `up` alone, or the units of systemd together."""
        return self.run / "up.lock"

    @property
    def service_env(self) -> Path:
        """The environment of each unit, for systemd to read."""
        return self.run / "env"

    @property
    def wake(self) -> Path:
        """Touched by whoever writes; the other processes watch it."""
        return self.run / "wake" / "wake"

    @property
    def renew(self) -> Path:
        """Touched when web, stream and worker must start again, because other plugins are to run."""
        return self.run / "wake" / "renew"

    @property
    def http(self) -> Path:
        """Sockets of web and stream: owned by web, entered by nginx."""
        return self.run / "http"

    @property
    def sockets(self) -> Path:
        """One small tmpfs per workload, mounted nosymfollow."""
        return self.run / "s"

    @property
    def slots(self) -> Path:
        """Links to socket directories that only root changes; see `runtime/slots.py`."""
        return self.run / "slots"

    @property
    def env(self) -> Path:
        """One small tmpfs per workload with secrets, entered by root alone; see `runtime/envfile.py`."""
        return self.run / "env"

    @property
    def spool(self) -> Path:
        """Copies of users' files on their way to a browser; swept by the supervisor."""
        return self.run / "spool"

    @property
    def nginx(self) -> Path:
        return self.run / "nginx"

    @property
    def podman_socket(self) -> Path:
        return self.run / "podman.sock"

    @property
    def containers_conf(self) -> Path:
        return self.run / "containers.conf"

    @property
    def networks(self) -> Path:
        """Podman's network definitions, kept here so that nothing is written to /etc."""
        return self.root / "networks"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def envs(self) -> Path:
        """What users installed in their notebooks."""
        return self.root / "envs"

    @property
    def storage(self) -> Path:
        return self.root / "storage"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def plugins(self) -> Path:
        return self.root / "plugins"

    @property
    def tls(self) -> Path:
        return self.root / "tls"

    def area(self, name: str) -> Path:
        """Where mounts of an area come from. Only these names exist; KeyError for any other."""
        areas = {
            "notebooks": self.notebooks,
            "envs": self.envs,
            "storage": self.storage,
            "work": self.work,
        }
        return areas[name]
