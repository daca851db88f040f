"""An appliance that gets killed: victims, fast notebooks, and what must hold whatever was killed."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from appliance.runtime import states
from tests.journeys import host
from tests.journeys.client import Door, Person
from tests.journeys.instance import PASSWORD, SERVICES, Instance

SERVER = (Path(__file__).parent / "fast_server.py").read_text()
VICTIMS = (*SERVICES, "podman", "manager", "everything")
LINE = re.compile(r"^\S+Z line (\d+)$")


@dataclass
class Crashing:
    """A started instance with one signed-in admin and a project."""

    instance: Instance
    admin: Person
    project: str

    @classmethod
    def begin(cls, instance: Instance) -> Crashing:
        instance.start()
        admin = Person(instance.url, "admin", PASSWORD)
        return cls(instance, admin, admin.project("crash"))

    def end(self) -> None:
        """Sign out and leave nothing of the instance."""
        self.admin.close()
        self.instance.destroy()

    def kill(self, victim: str) -> int:
        """kill -9 of a service, the engine's server, the manager or all at once; the pid, 0 if it was not there."""
        if victim == "manager":
            self.instance.kill_manager()
            return 1
        if victim == "everything":
            self.instance.kill_all()
            return 1
        pid = (
            host.podman_service(self.instance.config)
            if victim == "podman"
            else self.instance.pid_of(victim)
        )
        try:
            os.kill(pid or 1 << 30, signal.SIGKILL)
        except ProcessLookupError:
            return 0
        return pid

    def come_back(self, killed: int = 0) -> None:
        """Until all processes run and the gateway answers; a dead manager is started by hand, as an admin would."""
        if not self.instance.managed:
            self.instance.start()
        host.until(lambda: self._whole(killed), 60)

    def _whole(self, killed: int) -> bool:
        config = self.instance.config
        pids = {name: self.instance.pid_of(name) for name in SERVICES}
        pids["podman"] = host.podman_service(config)
        if killed in pids.values() or not all(map(_lives, pids.values())):
            return False
        if not host.command_of(pids["proxy"]).startswith("nginx: master"):
            return False  # the workers of a killed master answer until the next one begins
        try:
            for name in ("web", "stream"):
                began = (config.paths.run / "pid" / f"{name}.pid").stat().st_mtime
                if (config.paths.http / f"{name}.sock").stat().st_mtime < began:
                    return False  # and so do these on their old sockets
            return httpx.get(f"{self.instance.url}/v1/health", timeout=5).status_code == 200
        except (httpx.HTTPError, FileNotFoundError):
            return False

    def fast(self, hold: str = "", machine: str = "C1", **more: Any) -> str:
        """Create a fast notebook and start it; its id. hold: states it waits in until `let_go`."""
        environment = {"SERVER": SERVER, "HOLD": hold, **more.pop("environment", {})}
        return self.admin.notebook(
            self.project,
            container="base",
            command='exec python3 -c "$SERVER"',
            machineType=machine,
            environment=environment,
            **more,
        )

    def home(self, notebook: str) -> Path:
        return self.instance.config.paths.notebooks / notebook

    def let_go(self, notebook: str, state: str) -> None:
        """End the state in which a fast notebook is held."""
        (self.home(notebook) / f"{state}.go").touch()

    def state(self, notebook: str) -> str:
        """Of the newest session, from the database: web may be dead."""
        return str(self.session(notebook)["state"])

    def session(self, notebook: str) -> dict[str, Any]:
        found = host.rows(
            self.instance.config,
            "SELECT * FROM workloads WHERE owner_id = ? ORDER BY seq DESC LIMIT 1",
            notebook,
        )
        return found[0]

    def reach(self, notebook: str, state: str, timeout_s: float = 60) -> dict[str, Any]:
        """Until the newest session is in this state; fails at once when it ended in another one."""
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self.session(notebook))
            assert found["state"] == state or found["state"] in states.LIVE, [
                found[key] for key in ("id", "state", "reason", "message")
            ]
            return bool(found["state"] == state)

        host.until(there, timeout_s)
        return found

    def stop(self, notebook: str) -> None:
        self.admin.api("POST", f"/notebooks/{notebook}/stop")

    def word(self, notebook: str, door: Door | None = None) -> str:
        """What the process of a fast notebook says: the same as long as it is the same process."""
        answer = (door or self.admin.enter(notebook)).request("GET", "word")
        assert answer.status_code == 200, answer.text
        return answer.text

    def log(self, notebook: str) -> list[str]:
        """All lines of the newest session, as the API serves them."""
        text, offset = "", 0
        while True:
            part = self.admin.request(
                "GET", f"/v1/notebooks/{notebook}/logs?offset={offset}"
            ).json()
            if part["next"] == offset:
                return text.splitlines()
            text, offset = text + part["text"], part["next"]

    def check_log(self, notebook: str, ended: bool = True) -> int:
        """Every numbered line once and in order; how many. ended: its last words are there as well."""
        if ended:  # the rest is copied when the container is gone, a moment after its state says so
            host.until(
                lambda: self.log(notebook)[-1:] and self.log(notebook)[-1].endswith("Z the end")
            )
        lines = self.log(notebook)[:-1] if ended else self.log(notebook)
        numbers = [int(found[1]) if (found := LINE.match(line)) else line for line in lines]
        wrong = [pair for pair in enumerate(numbers) if pair[0] != pair[1]]
        assert not wrong, wrong[:5]
        return len(numbers)

    def check_runs(self, notebook: str) -> None:
        """Each workload of a fast notebook ran at most once, and never two at a time."""
        file = self.home(notebook) / "starts"
        starts = file.read_text().split() if file.exists() else []
        assert len(starts) == len(set(starts)), starts
        assert not (self.home(notebook) / "twice").exists()


def _lives(pid: int) -> bool:
    return pid > 0 and Path(f"/proc/{pid}").exists()
