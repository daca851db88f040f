"""A real appliance for journeys: started by scripts/up on a data directory and a port of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from appliance.config import Config, load

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "correct horse battery"
START_TIMEOUT_S = 600.0  # the first start builds the images
SERVICES = ("supervisor", "web", "stream", "worker", "proxy")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Instance:
    """One appliance. data must be short and reachable for other uids: not below pytest's tmp_path."""

    data: Path
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Config:
        return load(self.data)

    @property
    def log_path(self) -> Path:
        return self.data.with_suffix(".log")

    @property
    def managed(self) -> bool:
        """Whether the manager that we started runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Run scripts/up until it says that it is ready."""
        if self._log is not None:
            self._log.close()
        self._log = self.log_path.open("ab")
        begin = self._log.tell()
        self._process = subprocess.Popen(
            [ROOT / "scripts/up", "--data", self.data, "--port", str(self.port), *self.options],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "APPLIANCE_ADMIN_PASSWORD": PASSWORD},
            start_new_session=True,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            said = self.log_path.read_bytes()[begin:]
            if b"Appliance is ready" in said:
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        self._log.close()
        self._process.kill()
        self._process.wait(timeout=10)
        raise AssertionError(self.log_path.read_text()[-4000:])

    def interrupt(self) -> None:
        """Ctrl-C: services end, notebooks go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=60)
            self._process = None

    def kill_all(self) -> None:
        """kill -9 of the manager and every service, as one blow."""
        assert self._process is not None
        pids = [self.pid_of(name) for name in SERVICES]
        self._process.kill()
        self._process.wait(timeout=10)
        self._process = None
        for pid in pids:
            _kill(pid)

    def kill_manager(self) -> None:
        """kill -9 of the manager alone; the kernel tells its services to end."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=10)
        self._process = None

    def kill(self, service: str) -> None:
        """kill -9 of one service; the manager starts it again."""
        _kill(self.pid_of(service))

    def pid_of(self, service: str) -> int:
        """The process of a service, 0 while it is being started again."""
        try:
            text = (self.data / "run" / "pid" / f"{service}.pid").read_text()
        except FileNotFoundError:
            return 0
        return int(text or 0)

    def stop(self) -> None:
        """scripts/up --stop: services, containers and all that is on the host; the data stay."""
        stop = [str(ROOT / "scripts/up"), "--stop", "--data", str(self.data)]
        subprocess.run(stop, check=True, timeout=180, capture_output=True)
        if self._process is not None:
            self._process.wait(timeout=60)
            self._process = None

    def destroy(self) -> None:
        """Stop everything, containers included, and delete the data."""
        self.stop()
        subprocess.run(["rm", "-rf", "--one-file-system", self.data], check=True, timeout=120)
        if self._log is not None:
            self._log.close()
        self.log_path.unlink(missing_ok=True)

    def command(self, *arguments: str) -> str:
        """Run `appliance …` on this instance; its output."""
        venv = Path(os.environ.get("APPLIANCE_VENV") or self.data / "venv")
        done = subprocess.run(
            [venv / "bin/appliance", *arguments, "--data", self.data],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_user(self, name: str, team: str, role: str = "member") -> str:
        """A new user; returns the password."""
        said = self.command("users", "add", name, "--team", team, "--role", role)
        found = re.search(r"password: (\S+)", said)
        assert found, said
        return found[1]


def _kill(pid: int) -> None:
    if pid:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
