"""Containers on this machine, by Podman."""

from __future__ import annotations

import ipaddress
import json
import math
import os
import re
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from appliance.errors import Conflict, Unavailable
from appliance.runtime import cgroup, pulling
from appliance.runtime.backend import (
    BackendError,
    Container,
    ContainerSpec,
    Halted,
    ImageConfig,
    ImageNotFound,
    LocalImages,
    NetworkSpec,
    Progress,
    PullLogin,
    never,
)
from appliance.runtime.podman_api import Engine, EngineError, shorten
from appliance.runtime.podman_spec import (
    INSTANCE_LABEL,
    auth_header,
    from_image,
    from_inspect,
    from_list,
    network_body,
    specgen,
)

Containers = list[Container]  # inside the class `list` is the method

_HINT_PULL = "check the name, and that this machine reaches its registry"
_NO_SUCH_IMAGE = re.compile(
    r"manifest unknown|name unknown|repository does not exist|access to the resource is denied"
    r"|unauthorized|did not resolve to an alias|no such image|image not known"
    r"|invalid reference format"
)
_HALF_MADE = re.compile(r"container (with given ID|`?[0-9a-f]{64}`?) already exists")
_BUSY = re.compile(r"device or resource busy|directory not empty")
_KILLED = 137
_LOG_PREFIX = re.compile(rb"\n\S+ stderr [PF] ")  # between the pieces of one message, too
_INIT_FAILED = re.compile(
    rb"catatonit:\d+\): failed to exec pid1: (No such file or directory|Permission denied)"
)
_INIT_EXIT_CODES = {b"No such file or directory": 127, b"Permission denied": 126}
_HINT_IMAGE = "check the image's name and tag, and whether its registry wants a login"


class PodmanBackend:
    """The `Backend` on Podman's API socket. Everything it makes carries the instance's label."""

    def __init__(self, socket: Path, instance: str) -> None:
        self._engine = Engine(socket)
        self._instance = instance

    def list(self) -> Containers:
        filters = json.dumps({"label": [f"{INSTANCE_LABEL}={self._instance}"]})
        params = {"all": "true", "filters": filters}
        found = self._engine.call("get", "containers/json", params=params)
        return [from_list(item) for item in found]

    def inspect(self, name: str) -> Container | None:
        item = self._engine.find(f"containers/{name}/json")
        if item is None:
            return None
        container = from_inspect(item)
        if container.labels.get(INSTANCE_LABEL) != self._instance:
            return None
        if container.exit_code == _KILLED and not container.oom_killed:
            return replace(container, oom_killed=cgroup.kernel_log_has_oom(item["Id"]))
        if container.exit_code == 1:
            return replace(container, exit_code=_init_exit_code(_log_path(item)))
        return container

    def has_image(self, image: str) -> bool:
        return _is_reference(image) and self._engine.exists(f"images/{quote(image)}/exists")

    def image_digest(self, image: str) -> str:
        return str(self._image(image)["Id"])

    def image_config(self, image: str) -> ImageConfig:
        config = self._image(image).get("Config") or {}
        return ImageConfig(tuple(config.get("Entrypoint") or ()), tuple(config.get("Cmd") or ()))

    def _image(self, image: str) -> dict[str, Any]:
        found = self._engine.find(f"images/{quote(image)}/json") if _is_reference(image) else None
        if found is None:
            raise ImageNotFound(f"there is no image {image!r} on this machine", hint=_HINT_IMAGE)
        return dict(found)

    def pull(
        self,
        image: str,
        timeout_s: float,
        progress: Progress,
        login: PullLogin | None = None,
        halt: Halted = never,
    ) -> None:
        if not _is_reference(image):
            raise ImageNotFound(f"{image!r} is no name of an image", hint=_HINT_IMAGE)
        # Only Docker's half of the API counts bytes; but a name without a registry is docker.io's there, and a machine
        # behind a firewall would wait for that in vain.
        docker = pulling.names_registry(image)
        path, field = ("images/create", "fromImage") if docker else ("images/pull", "reference")
        lines = self._engine.lines(
            "post", path, params={field: image}, headers=auth_header(login), timeout_s=timeout_s, halt=halt,
            docker=docker,
        )  # fmt: skip
        tell = pulling.Meter(progress)
        for line in lines:
            if line.get("error"):
                raise _pull_error(image, str(line["error"]))
            tell(line)
        if halt() or not self.has_image(image):  # or the engine went away in the middle
            raise Unavailable(f"pulling {image!r} was interrupted", hint="it is tried again")

    def local_images(self) -> LocalImages:
        every = self._engine.call("get", "containers/json", params={"all": "true"})
        used = {item["ImageID"] for item in every}
        found = self._engine.call("get", "images/json", timeout_s=60)
        return [from_image(item, item["Id"] in used) for item in found]

    def remove_image(self, image: str) -> None:
        if not _is_reference(image):
            return
        try:
            self._engine.call("delete", f"images/{quote(image)}", timeout_s=300)
        except EngineError as error:
            if error.status != 404:
                raise

    def create(self, spec: ContainerSpec) -> None:
        try:
            self._create(spec)
        except Conflict:
            if self._engine.exists(f"containers/{spec.name}/json"):
                self._check_ours(spec.name)
                return
            # Storage knows the name, the engine does not: it was killed between the two.
            self.remove(spec.name)
            self._create(spec)

    def _create(self, spec: ContainerSpec) -> None:
        body = specgen(spec, self._instance)
        try:
            self._engine.call("post", "containers/create", body=body, timeout_s=60)
        except EngineError as error:
            if "name is already in use" in error.message:
                raise Conflict(error.message) from error
            if _NO_SUCH_IMAGE.search(error.message):
                message = f"there is no image {spec.image!r} on this machine"
                raise ImageNotFound(message, hint=_HINT_IMAGE) from error
            raise

    def _check_ours(self, name: str) -> None:
        if self.inspect(name) is None:
            raise BackendError(f"the name {name} belongs to a container that is not ours")

    def start(self, name: str) -> None:
        now = self.inspect(name)
        if now is not None and now.state == "exited":
            return  # a container runs once: repeating the start of a quick one must not repeat it
        try:
            self._start(name)
        except EngineError as error:
            # The engine was killed between making and starting it, and forgot what the runtime still
            # holds. Failing over it, it has removed that half; nothing of the program has run.
            if not _HALF_MADE.search(error.message):
                raise
            self._start(name)

    def _start(self, name: str) -> None:
        self._engine.call("post", f"containers/{name}/start", timeout_s=120)

    def stop(self, name: str, timeout_s: float) -> None:
        try:
            self._engine.call(
                "post",
                f"containers/{name}/stop",
                params={"timeout": math.ceil(timeout_s)},
                timeout_s=timeout_s + 60,
            )
        except EngineError as error:
            if error.status != 404:
                raise

    def remove(self, name: str) -> None:
        for pause_s in (0.1, 0.5, 2.0):
            try:
                return self._remove(name)
            except EngineError as error:
                # Seen about once in twelve: the container is gone, a mount of it not yet.
                if not _BUSY.search(error.message):
                    raise
                time.sleep(pause_s)
        self._remove(name)

    def _remove(self, name: str) -> None:
        self._find_half(name)
        params = {"force": "true", "v": "true", "timeout": 0}
        try:
            reports = self._engine.call("delete", f"containers/{name}", params=params, timeout_s=60)
        except EngineError as error:
            if error.status == 404:
                return
            raise
        _raise_reported(reports)

    def _find_half(self, name: str) -> None:
        """Make the engine know a container that the runtime holds since a kill (see `start`), or remove that.

        Else its monitor and its first process would stay for ever.
        """
        with suppress(EngineError):  # half removed it can't be looked at, but removed
            found = self.inspect(name)
            if found is not None and found.state == "created":
                self._engine.call("post", f"containers/{name}/init", timeout_s=60)

    def ensure_network(self, network: NetworkSpec) -> None:
        gateway = str(ipaddress.IPv4Network(network.subnet)[1])
        try:
            body = network_body(network, gateway, self._instance)
            self._engine.call("post", "networks/create", body=body)
        except EngineError as error:
            found = self._engine.find(f"networks/{network.name}/json")
            if found is None:
                raise
            if [item["subnet"] for item in found["subnets"]] != [network.subnet]:
                message = f"network {network.name} exists with another address range"
                raise BackendError(
                    message, hint="stop everything that uses it and remove it"
                ) from error

    def remove_network(self, name: str) -> None:
        try:
            _raise_reported(self._engine.call("delete", f"networks/{name}", timeout_s=60))
        except EngineError as error:
            if error.status != 404:
                raise

    def oom_kills(self, container: Container) -> int:
        return cgroup.oom_kills_of(container.pid) if container.pid else 0


def _is_reference(image: str) -> bool:
    """Names become part of a URL: nothing in them may climb out of `images/`."""
    return bool(image) and not any(part in ("", ".", "..") for part in image.split("/"))


def _pull_error(image: str, words: str) -> BackendError:
    if _NO_SUCH_IMAGE.search(words):
        return ImageNotFound(f"image {image!r} was not found: {shorten(words)}", hint=_HINT_IMAGE)
    return BackendError(f"image {image!r} can't be pulled: {shorten(words)}", hint=_HINT_PULL)


def _raise_reported(reports: Any) -> None:
    """Deletions answer 200 and may still say in the body that they failed."""
    for report in reports or ():
        if report.get("Err"):
            raise EngineError(500, str(report["Err"]))


def _log_path(item: dict[str, Any]) -> str:
    return (item["HostConfig"].get("LogConfig") or {}).get("Path") or ""


def _init_exit_code(log_path: str) -> int:
    """Podman's init ends with 1 where a shell says 127 or 126; its last words tell them apart."""
    try:
        with open(log_path, "rb") as log:
            log.seek(-min(512, os.fstat(log.fileno()).st_size), os.SEEK_END)
            match = _INIT_FAILED.search(_LOG_PREFIX.sub(b"", log.read()))
    except OSError:
        return 1
    return _INIT_EXIT_CODES[match.group(1)] if match else 1
