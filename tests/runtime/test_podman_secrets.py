"""Secret variables in real containers: any image, any user, and no trace of the value but in the program."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.runtime import envfile
from appliance.runtime.backend import Container
from tests.runtime.engine import IMAGE, TestEngine, engine

pytestmark = pytest.mark.containers

VALUE = "canary-'5b1d'-é\nzweite Zeile\n"
# no shell, no libc: one static program, run by a user that is not root
CONTAINERFILE = """
FROM scratch
COPY tool /tool/env
USER 1234:1234
ENV FROM_IMAGE=yes
ENTRYPOINT ["/tool/env"]
CMD ["-0"]
"""


@pytest.fixture(scope="module")
def made() -> Iterator[TestEngine]:
    with engine() as one:
        yield one


@pytest.fixture(scope="module")
def tool_image(made: TestEngine) -> Iterator[str]:
    """Built without a base and without a network."""
    name, context = f"localhost/tool-{made.instance}:1", made.root / "context"
    context.mkdir()
    shutil.copy(envfile.HOST_BUSYBOX, context / "tool")
    (context / "Containerfile").write_text(CONTAINERFILE)
    podman("build", "-q", "--format", "docker", "-t", name, str(context))
    yield name
    for container in made.backend.list():
        made.backend.remove(container.name)
    podman("rmi", "--force", name)


def podman(*argv: str) -> str:
    done = subprocess.run(["podman", *argv], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(made: TestEngine, name: str, image: str, *command: str, **changes: Any) -> Container:
    """As the supervisor does it, with VALUE as the variable SECRET."""
    own = made.backend.image_config(image)
    argv = (*own.entrypoint, *(command or own.command))
    root = made.root / "env"
    root.mkdir(mode=0o700, exist_ok=True)
    binds = envfile.put(root, name, {"SECRET": VALUE})
    try:
        return made.run(
            name, *argv, image=image, entrypoint=envfile.ENTRYPOINT, binds=binds, **changes
        )
    finally:
        envfile.remove(root, name)


def test_an_image_without_a_shell_and_without_root(made: TestEngine, tool_image: str) -> None:
    name = made.name()
    own = made.backend.image_config(tool_image)
    assert (own.entrypoint, own.command) == (("/tool/env",), ("-0",))
    assert run(made, name, tool_image).exit_code == 0
    found = dict(item.split("=", 1) for item in made.output(name).split("\0") if "=" in item)
    assert found["SECRET"] == VALUE and found["FROM_IMAGE"] == "yes"
    assert json.loads(podman("inspect", name))[0]["Config"]["User"] == "1234:1234"


def test_the_images_own_shell_runs_not_ours(made: TestEngine) -> None:
    name = made.name()
    run(
        made,
        name,
        IMAGE,
        "sh",
        "-c",
        'readlink /proc/$$/exe; printf %s "$SECRET" | sha256sum; ls -l /run/appliance',
    )
    shell, digest, *_ = made.output(name).splitlines()
    assert "busybox" not in shell and "/run/appliance" not in shell
    expected = subprocess.run(["sha256sum"], input=VALUE.encode(), capture_output=True).stdout
    assert digest.split()[0] == expected.decode().split()[0]


def test_exit_codes_are_the_programs(made: TestEngine) -> None:
    for command, code in ((("sh", "-c", "exit 7"), 7), (("/no/such",), 127), (("nonsense",), 127)):
        assert run(made, made.name(), IMAGE, *command).exit_code == code


def test_the_program_can_not_change_its_file(made: TestEngine) -> None:
    name = made.name()
    script = "echo x > /run/appliance/env || echo refused; mount -o remount,rw /run/appliance/env 2>&1 | tail -1"
    run(made, name, IMAGE, "sh", "-c", script)
    assert "refused" in made.output(name)


def test_the_engine_knows_nothing_of_the_value(made: TestEngine) -> None:
    name = made.name()
    assert run(made, name, IMAGE, "sh", "-c", 'test -n "$SECRET"').exit_code == 0
    said = podman("inspect", name)
    secret = VALUE.splitlines()[1]
    assert secret not in said and "canary" not in said
    details = json.loads(said)[0]
    for directory in {Path(details["StaticDir"]), Path(details["OCIConfigPath"]).parent}:
        for file in directory.rglob("*"):
            if file.is_file():
                assert secret.encode() not in file.read_bytes(), file
