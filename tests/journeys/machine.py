"""A machine of its own with systemd: a privileged container, in which the appliance is installed as by an admin."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from appliance import config as configuration
from appliance.config import Config
from appliance.paths import Paths
from appliance.plugins import loader
from appliance.runtime import catalogue, hostenv, images, podman_service, start, up
from appliance.runtime.hostenv import HostEnv
from tests.journeys import host
from tests.journeys.instance import PASSWORD, ROOT

RECIPE = Path(__file__).parent / "systemd"
DATA = Path("/var/lib/appliance")
PORT = 8080
DOMAIN = "lab.test"
_INSTALLED = ("setup.cfg", "pyproject.toml", "LICENSE", "scripts/lib.sh")
_PACKAGES = ("appliance", "plugins_builtin")


@dataclass
class Machine:
    """home: a directory outside for this machine's own files. Its images are those of the machine outside."""

    home: Path
    name: str = field(default_factory=lambda: f"appliance-test-{uuid4().hex[:8]}")
    _hostenv: HostEnv = field(
        default_factory=lambda: hostenv.detect(os.environ, hostenv.default_pip_files(os.environ))
    )

    def boot(self) -> None:
        """Make the images that are missing, and start. Minutes at the first time."""
        outside = Config(self.home, instance="000000", slot=0)
        outside.paths.run.mkdir(parents=True)
        start.prepare_engine(outside)
        start.ensure_images(outside, print)
        image = self._image()
        mounts = [f"{self.name}:/var/lib/containers", f"{ROOT}:/src:ro"]
        mounts.append("/var/lib/containers/storage:/mnt/images:ro")
        if self._hostenv.ca_bundle:
            mounts.append(f"{self._hostenv.ca_bundle}:{hostenv.CONTAINER_CA_BUNDLE}:ro")
        options = [f"--volume={mount}" for mount in mounts]
        # A cgroup namespace of its own, always: in the host's, systemd would take the host's cgroups over.
        options += ["--systemd=always", "--privileged", "--cgroupns=private"]
        self._podman("run", "--detach", f"--name={self.name}", *options, image)
        self._wait()
        self._write_config()

    def reboot(self) -> None:
        """Off and on again."""
        self._podman("restart", self.name)
        self._wait()

    def _wait(self) -> None:
        """Until all is started that is to be started at boot."""
        host.until(lambda: self.run("sh", "-c", "systemctl is-system-running --wait || true"))
        assert self.run("systemctl", "--failed", "--quiet") == ""

    def destroy(self) -> None:
        self._podman("rm", "--force", "--time=5", "--ignore", self.name)
        self._podman("volume", "rm", "--force", self.name)
        shutil.rmtree(self.home)

    def install(self, *options: str) -> str:
        """Run scripts/install; what it says."""
        env = {**self._hostenv.env, "APPLIANCE_ADMIN_PASSWORD": PASSWORD}
        settings = [f"--env={name}={value}" for name, value in env.items()]
        return self._podman("exec", *settings, self.name, "/src/scripts/install", *options)

    def run(self, *argv: str) -> str:
        """The output of a command inside that must succeed."""
        return self._podman("exec", self.name, *argv)

    def refused(self, *argv: str) -> str:
        """What a command inside says that must fail."""
        done = self._try("exec", self.name, *argv)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def show(self, service: str, key: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "-P", key, f"appliance-{service}").strip()

    def pid_of(self, service: str) -> int:
        """The main process, as the machine itself counts; 0 while there is none."""
        return int(self.show(service, "MainPID"))

    def pids(self, program: str) -> list[str]:
        """All processes of this name."""
        return self.run("sh", "-c", f"pgrep -x {program} || true").split()

    @property
    def url(self) -> str:
        address = self._podman("inspect", self.name, "--format={{.NetworkSettings.IPAddress}}")
        return f"http://{address.strip()}:{PORT}"

    def _image(self) -> str:
        """Its tag follows what the recipe and the installation of packages consist of, not our sources."""
        registry = loader.load()
        base = catalogue.reference(registry.images, "base")
        recipe = self.home / "recipe"
        shutil.copytree(RECIPE, recipe)
        for name in _INSTALLED:
            shutil.copy(ROOT / name, recipe)
        for name in _PACKAGES:
            (recipe / name).mkdir()
            (recipe / name / "__init__.py").write_text('__version__ = "0"\n')
        return images.ensure_recipe_image(
            recipe, "test-systemd", Paths(self.home), self._hostenv, print, base
        )

    def _write_config(self) -> None:
        """Ids that no instance outside has, and a domain, which makes notebooks reachable by address and name."""
        fresh = configuration.fresh(DATA, up.used_networks())
        with tempfile.TemporaryDirectory() as folder:
            wanted = replace(fresh, data=Path(folder), host="0.0.0.0", domain=DOMAIN)
            configuration.save(wanted)
            file = wanted.paths.config
            self._podman("cp", str(file), f"{self.name}:{DATA}/{file.name}")

    def _podman(self, *arguments: str) -> str:
        done = self._try(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = podman_service.engine_env(Paths(self.home).containers_conf)
        command = ["podman", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
