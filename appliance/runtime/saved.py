"""Saving what a user installed: the packages of a running notebook against those of its image, and where they go.

Everything runs inside the container, in its team's user namespace; what it answers is a stranger's text. An image made by
`podman commit` would be useless: Podman 4.3 writes the team's ids of the host into it, and every variable of the session,
its token among them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# /opt/env is a mount, which no image holds: its packages go to where with-env looks for those of a saved environment.
PREPARE = """\
set -e
rm -rf /opt/saved.part
if [ -d /opt/saved ]; then cp -a /opt/saved /opt/saved.part; else mkdir /opt/saved.part; fi
for env in /opt/env/python*; do
    [ -e "$env/.complete" ] || continue
    mkdir -p "/opt/saved.part/${env##*/}"
    cp -a "$env/." "/opt/saved.part/${env##*/}/"
    rm -f "/opt/saved.part/${env##*/}/.complete"
done
rm -rf /opt/saved && mv /opt/saved.part /opt/saved
echo 'was:'
cat /opt/lab/packages
echo 'is:'
PATH=$(echo /opt/env/python*/bin):$PATH list-packages | tee /opt/lab/packages.saved
cp /opt/lab/packages.saved /opt/lab/packages
"""

# All files but those of mounts, and but what people leave in their home: history, caches, credentials.
ARCHIVE = """\
tar --create --one-file-system --numeric-owner --warning=no-file-changed --directory=/ \\
    --exclude='./tmp/*' --exclude='./root/.*' --exclude='./run/*' .
[ $? -le 1 ]  # 1: a file changed meanwhile
"""

_LINE = re.compile(
    r"(deb|pip) ([A-Za-z0-9][A-Za-z0-9.+_-]{0,99}) ([A-Za-z0-9][A-Za-z0-9.+:~!_-]{0,99})"
)
_MOST = 200  # lines of a difference that anybody reads

Packages = Mapping[str, str]


def difference(lines: Iterable[str]) -> str:
    """What was added (+), updated (~) and removed (-), a line each, from the output of PREPARE."""
    lists: dict[str, dict[str, str]] = {"was:": {}, "is:": {}}
    now: dict[str, str] = {}
    for line in lines:
        now = lists.get(line, now)
        found = _LINE.fullmatch(line)
        if found:
            now[f"{found[1]} {found[2]}"] = found[3]
    return (
        "\n".join(_compare(lists["was:"], lists["is:"]))
        or "no packages were added, updated or removed"
    )


def _compare(was: Packages, now: Packages) -> list[str]:
    added = [f"+ {name} {now[name]}" for name in now.keys() - was.keys()]
    updated = [f"~ {n} {was[n]} → {now[n]}" for n in now.keys() & was.keys() if was[n] != now[n]]
    removed = [f"- {name} {was[name]}" for name in was.keys() - now.keys()]
    found = sorted(added) + sorted(updated) + sorted(removed)
    more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
    return found[:_MOST] + more


def changes(config: Mapping[str, Any]) -> Iterator[str]:
    """Options of `podman import` that give an image the configuration of another one, as `podman image inspect` tells it."""
    for item in config.get("Env") or ():
        name, _, value = item.partition("=")
        quoted = re.sub(r'(["\\\\$])', r"\\\1", value)
        yield f'--change=ENV {name}="{quoted}"'
    for word in ("Entrypoint", "Cmd"):
        if config.get(word):
            yield f"--change={word.upper()} {json.dumps(config[word])}"
    if config.get("WorkingDir"):
        yield f"--change=WORKDIR {config['WorkingDir']}"
