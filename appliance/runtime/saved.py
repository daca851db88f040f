"""Saving what a user installed: the packages of a running notebook against those of its image, and where they go.

Everything runs inside the container, in its team's user namespace; what it answers is a stranger's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

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
