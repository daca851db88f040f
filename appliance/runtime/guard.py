"""The supervisor's own check of a spec, before it does as root what web and plugins wrote into the database.

It trusts nothing that an unprivileged process could have written: mounts only by area and id, only of the workload's own
team, only at places where they do no harm; an image name and a command; nothing about privileges can be said at all.
"""

from __future__ import annotations

import posixpath

from appliance.config import Config
from appliance.errors import Refused
from appliance.identity import Team
from appliance.ids import is_id
from appliance.runtime.spec import Mount, WorkloadSpec
from appliance.runtime.workloads import Workload

# Where a mount would replace a part of the container that isolation or the program inside depends on.
FORBIDDEN_TARGETS = (
    "/",
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/etc",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
)
RESERVED_ENV = ("SOCKET",)


def check(workload: Workload, spec: WorkloadSpec, team: Team, config: Config) -> None:
    """Refused when the spec asks for what no workload may have. Reads the file system, changes nothing."""
    if not is_id(workload.id) or not is_id(workload.team_id):
        raise Refused("the workload's id is malformed")
    if workload.team_id != team.id:
        raise Refused("the workload belongs to another team")
    targets = [_plain(mount.target) for mount in spec.mounts]
    if len(set(targets)) != len(targets):
        raise Refused("two mounts at one place")
    for mount, target in zip(spec.mounts, targets):
        if ".." in mount.target.split("/") or target == "/" or _under_forbidden(target):
            raise Refused(f"nothing may be mounted at {mount.target}")
        _check_owner(mount, team, config)
    place = spec.workspace and ("notebooks", spec.workspace.name)
    if place and place not in [(mount.area, mount.name) for mount in spec.mounts]:
        raise Refused("a workspace goes into a directory of its workload")
    for name in (*spec.env, *spec.secret_env):
        if name in RESERVED_ENV:
            raise Refused(f"the variable {name} is set by the appliance")
    if spec.env.keys() & spec.secret_env.keys():
        raise Refused("a variable is given twice")
    if any("\0" in text for text in (*spec.command, *spec.env.values())):
        raise Refused("a NUL byte in command or environment")


def _plain(target: str) -> str:
    """The path as the engine reads it: `//etc` and `/./etc` are `/etc`."""
    return "/" + posixpath.normpath(target).lstrip("/")


def _under_forbidden(target: str) -> bool:
    return any(
        target == place or target.startswith(place + "/")
        for place in FORBIDDEN_TARGETS
        if place != "/"
    )


def _check_owner(mount: Mount, team: Team, config: Config) -> None:
    """A directory that exists already must belong to the team; a new one is made for it."""
    if mount.area == "storage" and mount.name != team.id:
        raise Refused("the storage of another team can't be mounted")
    path = config.paths.area(mount.area) / mount.name
    if path.is_symlink():
        raise Refused(f"{mount.area}/{mount.name} is a symbolic link")
    # Root's own: made a moment ago and the supervisor killed before it gave it to the team.
    if path.exists() and path.stat().st_uid not in (0, config.team_uid(team.slot)):
        raise Refused(f"{mount.area}/{mount.name} belongs to another team")
