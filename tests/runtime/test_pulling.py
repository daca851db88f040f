"""Pulling from a registry that really answers: bytes, sign-in, a stop while it is silent."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import Unavailable
from appliance.runtime import pulling
from appliance.runtime.backend import BackendError, ImageNotFound, PullLogin
from tests.runtime.engine import TestEngine, engine
from tests.runtime.registry import PASSWORD, USER, Registry, save, serving

LAYER_BYTES = 20_000_000


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image that is on no machine: only its files are left."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "blob").write_bytes(os.urandom(LAYER_BYTES))  # so that it stays as large on its way
    subprocess.run(["tar", "-C", folder, "-cf", folder / "a.tar", "blob"], check=True)
    name = f"localhost/appliance-test/{folder.parent.name}:1"
    try:
        run = ["podman", "import", str(folder / "a.tar"), name]
        subprocess.run(run, check=True, capture_output=True, timeout=120)
        save(name, folder / "oci")
    finally:
        subprocess.run(["podman", "rmi", name], check=False, capture_output=True, timeout=120)
    return folder / "oci"


@pytest.fixture(scope="module")
def parts(
    saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestEngine, Registry, Registry]]:
    """An engine, a registry that is open and one that wants a sign-in."""
    conf = tmp_path_factory.mktemp("conf") / "registries.conf"
    with pytest.MonkeyPatch.context() as patch, serving(saved) as free, serving(
        saved, True
    ) as locked:
        places = [f"127.0.0.1:{one.server_port}" for one in (free, locked)]
        conf.write_text("".join(f'[[registry]]\nlocation="{p}"\ninsecure=true\n' for p in places))
        patch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
        with engine() as made:
            yield made, free, locked


@pytest.fixture
def made(parts: tuple[TestEngine, Registry, Registry]) -> Iterator[TestEngine]:
    yield parts[0]
    for registry in parts[1:]:
        registry.speaks.set()
        parts[0].backend.remove_image(registry.image)


@pytest.fixture
def free(parts: tuple[TestEngine, Registry, Registry]) -> Registry:
    return parts[1]


@pytest.fixture
def locked(parts: tuple[TestEngine, Registry, Registry]) -> Registry:
    return parts[2]


@pytest.mark.containers
def test_it_arrives(made: TestEngine, free: Registry) -> None:
    told: list[str] = []

    def progress(text: str) -> None:
        told.append(text)
        free.goes_on.set()

    free.goes_on.clear()
    made.backend.pull(free.image, 120, progress)
    assert "MiB (" in told[0] and "(100 %)" not in told[0]
    found = next(i for i in made.backend.local_images() if free.image in i.refs)
    assert found.size_bytes > LAYER_BYTES / 2 and not found.used


@pytest.mark.containers
def test_a_sign_in(made: TestEngine, locked: Registry) -> None:
    with pytest.raises(BackendError, match="unauthorized|authentication|credentials"):
        made.backend.pull(locked.image, 60, lambda text: None)
    with pytest.raises(BackendError, match="unauthorized|authentication|credentials"):
        made.backend.pull(locked.image, 60, lambda text: None, PullLogin(USER, "wrong"))
    assert not made.backend.has_image(locked.image)
    made.backend.pull(locked.image, 60, lambda text: None, PullLogin(USER, PASSWORD))
    assert made.backend.has_image(locked.image)


@pytest.mark.containers
def test_what_is_not_there(made: TestEngine, free: Registry) -> None:
    with pytest.raises(ImageNotFound, match="name unknown|not found|404"):
        made.backend.pull(free.image.replace("tiny", "none"), 60, lambda text: None)


@pytest.mark.containers
def test_a_stop_is_heard_while_the_registry_is_silent(made: TestEngine, free: Registry) -> None:
    free.speaks.clear()
    before, stop = len(free.asked), threading.Event()

    def halt() -> bool:
        if any("/blobs/" in path for path in free.asked[before:]):
            stop.set()  # it has begun, and waits for a byte
        return stop.is_set()

    with pytest.raises(Unavailable, match="interrupted"):
        made.backend.pull(free.image, 600, lambda text: None, None, halt)
    assert stop.is_set()
    free.speaks.set()


def test_bytes_of_all_layers_together() -> None:
    told: list[str] = []
    meter = pulling.Meter(told.append)
    meter({"status": "Pulling fs layer", "progressDetail": {}, "id": "a"})
    assert told == []
    meter(
        {
            "status": "Downloading",
            "progressDetail": {"current": 1 << 20, "total": 4 << 20},
            "id": "a",
        }
    )
    assert told == ["1.0 of 4.0 MiB (25 %)"]
    meter._told_s = float("-inf")
    meter({"status": "Downloading", "progressDetail": {"current": 0, "total": 4 << 20}, "id": "b"})
    meter._told_s = float("-inf")
    meter({"status": "Download complete", "progressDetail": {}, "id": "a"})
    assert told[1:] == ["1.0 of 8.0 MiB (12 %)", "4.0 of 8.0 MiB (50 %)"]
    meter({"status": "Downloading", "progressDetail": {"current": "x", "total": -1}, "id": "a"})
    assert len(told) == 3


@pytest.mark.parametrize(
    ("image", "named"),
    [("bash:5", False), ("team/image:1", False), ("ghcr.io/a/b", True), ("localhost/x", True), ("127.0.0.1:5000/x", True)],
)  # fmt: skip
def test_a_name_says_from_where_or_not(image: str, named: bool) -> None:
    assert pulling.names_registry(image) is named
