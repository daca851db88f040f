"""A workload against the host it runs on, other teams, and the appliance's API; and what it must be able to do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.journeys.client import Person, soon
from tests.journeys.instance import PASSWORD, Instance
from tests.journeys.puppet import Puppet, end, start_puppet

pytestmark = pytest.mark.containers

# Connects to each place at once; says which answered the handshake.
PROBE = """
import concurrent.futures, json, socket, sys
def reached(place):
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 3).close()
        return True
    except OSError:
        return False
places = sys.argv[1:]
with concurrent.futures.ThreadPoolExecutor(len(places)) as pool:
    print(json.dumps(dict(zip(places, pool.map(reached, places)))))
"""
ASK = """
import json, os, sys, urllib.error, urllib.request
url, key, *calls = sys.argv[1:]
answers = []
for call in calls:
    method, path = call.split(" ")
    headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"} if key else {}
    data = b"{}" if method == "POST" else None
    request = urllib.request.Request(url + path, data, headers, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            answers.append([answer.status, answer.read().decode()])
    except urllib.error.HTTPError as error:
        answers.append([error.code, error.read().decode()])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def puppets(appliance: Instance) -> Iterator[tuple[Puppet, Puppet]]:
    """Mine, and one of another team."""
    appliance.command("teams", "add", "neighbours")
    password = appliance.add_user("neighbour", "neighbours")
    me, them = Person(appliance.url, "admin", PASSWORD), Person(
        appliance.url, "neighbour", password
    )
    mine = start_puppet(me, me.project("mine"), "mine")
    theirs = start_puppet(them, them.project("theirs"), "theirs")
    yield mine, theirs
    for puppet in (mine, theirs):
        end(puppet.person, puppet.notebook)
        puppet.person.close()


@pytest.fixture(scope="module")
def mine(puppets: tuple[Puppet, Puppet]) -> Puppet:
    return puppets[0]


def reached(puppet: Puppet, *places: str) -> list[str]:
    found: dict[str, bool] = json.loads(puppet.python(PROBE, *places))
    return [place for place, answered in found.items() if answered]


def ask(puppet: Puppet, url: str, key: str, *calls: str) -> list[tuple[int, str]]:
    """HTTP from inside; status and body of each call."""
    answers = json.loads(puppet.python(ASK, url, key, *calls))
    return [(status, body) for status, body in answers]


def addresses_of_this_host() -> list[str]:
    said = subprocess.run(
        ["ip", "-4", "-json", "address"], capture_output=True, check=True, timeout=10
    )
    found = [item["local"] for link in json.loads(said.stdout) for item in link["addr_info"]]
    return [address for address in found if not address.startswith("127.")]


def test_the_host_and_other_teams_are_out_of_reach(
    appliance: Instance, puppets: tuple[Puppet, Puppet]
) -> None:
    mine, theirs = puppets
    config = appliance.config
    with closing(socket.create_server(("0.0.0.0", 0))) as listener:
        port = listener.getsockname()[1]
        hosts = {
            *addresses_of_this_host(),
            str(config.team_subnet(1)[1]),
            str(config.team_subnet(2)[1]),
        }
        places = [f"{host}:{number}" for host in hosts for number in (port, appliance.port, 22)]
        places += [f"169.254.169.254:{number}" for number in (80, port)]
        places += [f"{config.api_address}:{number}" for number in (port, appliance.port, 443)]
        places += [f"{theirs.address()}:8000"]
        assert reached(mine, *places) == []
    own = [f"{config.api_address}:{config.api_port}", f"{mine.address()}:8000"]
    assert sorted(reached(mine, *own)) == sorted(own), "the probe can see what is open"


def test_the_api_knows_a_workload_by_its_token(puppets: tuple[Puppet, Puppet]) -> None:
    mine, theirs = puppets
    url, key, project = mine.say('echo "$APPLIANCE_URL $APPLIANCE_API_KEY $PROJECT_ID"').split()
    their_key, their_project = theirs.say('echo "$APPLIANCE_API_KEY $PROJECT_ID"').split()
    own, foreign, sibling, notebook, stop, health, login, internal = ask(
        mine, url, key,
        "GET /v1/projects",
        f"GET /v1/projects/{their_project}",
        f"GET /v1/projects/{mine.person.project('sibling')}",
        f"GET /v1/notebooks/{theirs.notebook}",
        f"POST /v1/notebooks/{theirs.notebook}/stop",
        "GET /v1/health",
        "GET /login",
        "GET /internal/authorize",
    )  # fmt: skip
    assert own[0] == 200 and [item["id"] for item in json.loads(own[1])["items"]] == [project]
    assert (foreign[0], sibling[0], notebook[0], stop[0]) == (404, 404, 404, 404)
    assert (health[0], login[0], internal[0]) == (200, 404, 404)
    assert [status for status, _ in ask(mine, url, "", "GET /v1/projects")] == [401]
    assert [status for status, _ in ask(mine, url, key[:-4] + "AAAA", "GET /v1/projects")] == [401]
    own_notebooks = json.loads(ask(mine, url, key, "GET /v1/notebooks")[0][1])["items"]
    assert [item["id"] for item in own_notebooks] == [mine.notebook]
    assert their_key != key


def test_a_token_ends_with_its_workload(
    appliance: Instance, puppets: tuple[Puppet, Puppet]
) -> None:
    mine, theirs = puppets
    key = theirs.say("echo $APPLIANCE_API_KEY")
    url = mine.say("echo $APPLIANCE_URL")
    assert ask(mine, url, key, "GET /v1/projects")[0][0] == 200
    theirs.person.api("POST", f"/notebooks/{theirs.notebook}/stop")
    theirs.person.wait(theirs.notebook, "stopped")
    assert ask(mine, url, key, "GET /v1/projects")[0][0] == 401
    theirs.person.api("POST", f"/notebooks/{theirs.notebook}/start", {})
    theirs.person.wait(theirs.notebook, "running")
    # The gateway may remember for two seconds where the last session was.
    assert soon(lambda: theirs.door.request("POST", "run", content="true").status_code == 200, 5)
    assert theirs.say("echo $APPLIANCE_API_KEY") != key


def test_a_workload_may_not_administer(mine: Puppet) -> None:
    url, key, project = mine.say('echo "$APPLIANCE_URL $APPLIANCE_API_KEY $PROJECT_ID"').split()
    team = mine.person.request("GET", "/team").text
    calls = (f"DELETE /v1/projects/{project}", "POST /v1/projects")
    answers = ask(mine, url, key, *calls)
    assert all(400 <= status < 500 for status, _ in answers), answers
    assert mine.person.request("GET", f"/v1/projects/{project}").status_code == 200
    assert "admin" in team


FORBIDDEN = {
    "mount": "mount -t tmpfs none /mnt",
    "remount": "mount -o remount,rw,dev,suid /run/gateway",
    "mount of the host's disk": "mount -t proc proc /mnt",
    "device node": "mknod /tmp/sda b 8 0 && head -c1 /tmp/sda",
    "memory device": "mknod /tmp/mem c 1 1 && head -c1 /tmp/mem",
    "raw packets": "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)'",
    "raw addresses": "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 255)'",
    "other namespaces": "nsenter -t 1 -a true && nsenter -t 1 -m ls /var/lib/appliance",
    "kernel settings": "echo 1 > /proc/sys/kernel/panic",
    "its own limits": "echo -1 > /sys/fs/cgroup/memory/memory.limit_in_bytes",
    "kernel modules": "python3 -c 'import ctypes, sys; sys.exit(0 if ctypes.CDLL(None).syscall(175, 0, 0, 0) == 0 else 1)'",
    "sysrq": "echo b > /proc/sysrq-trigger",
    "clock": "date -s @0",
    "hostname": "hostname stolen",
    "release agent": "d=$(mktemp -d) && mount -t cgroup -o memory cgroup $d",
    "new user namespace with mounts": "unshare -Urm mount -t proc proc /proc && unshare -Urm mount -t cgroup2 none /mnt",
    "bpf": "python3 -c 'import ctypes, sys; sys.exit(0 if ctypes.CDLL(None).syscall(321, 0, 0, 0) >= 0 else 1)'",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_root_inside_is_nobody_outside(what: str, mine: Puppet) -> None:
    code, said = mine.run(FORBIDDEN[what])
    assert code not in (0, 124), said


def test_root_inside_is_an_unprivileged_id_of_the_host(appliance: Instance, mine: Puppet) -> None:
    assert mine.say("id -u") == "0"
    inside, outside, count = mine.say("cat /proc/self/uid_map").split()
    config = appliance.config
    assert (int(inside), int(outside), int(count)) == (0, config.team_uid(1), 65536)
    mine.say(
        "touch /notebooks/made && cp /bin/true /notebooks/setuid && chmod 4755 /notebooks/setuid"
    )
    made = (config.paths.notebooks / mine.notebook / "made").stat()
    assert made.st_uid == config.team_uid(1)
    assert "NoNewPrivs:\t1" in mine.say("cat /proc/self/status")
    assert (
        mine.say(
            "setpriv --reuid 1000 --regid 1000 --clear-groups -- env ls -l /proc/self/exe | wc -l"
        )
        == "1"
    )


def test_nothing_of_the_host_is_seen_inside(appliance: Instance, mine: Puppet) -> None:
    environment = mine.say("env")
    for secret in (PASSWORD, str(appliance.data), "APPLIANCE_ADMIN", "CONTAINERS_CONF", "DATABASE"):
        assert secret not in environment
    for name in ("HOSTNAME", "HOME", "USER"):
        value = os.environ.get(name, "")
        assert len(value) < 6 or f"={value}\n" not in environment
    assert mine.run(f"ls {appliance.data}")[0] != 0
    assert (
        mine.run("ls /var/run/docker.sock /run/podman /run/containerd /var/lib/containers")[0] != 0
    )
    sockets = mine.say("find / -xdev -type s 2>/dev/null; find /run /tmp -type s").split()
    assert set(sockets) == {"/run/gateway/app.sock"}
    processes = mine.say("ls /proc | grep -c '^[0-9]'")
    assert int(processes) < 12, "only its own processes"
    mounted = mine.say("cat /proc/self/mountinfo")
    assert "nosuid" in next(line for line in mounted.splitlines() if " /notebooks " in line)
    key = Path(appliance.config.paths.secret_key)
    assert key.stat().st_mode & 0o007 == 0 and key.stat().st_uid == 0


def test_what_researchers_expect_works(mine: Puppet) -> None:
    """Root in the terminal: packages of Debian and of Python."""
    code, said = mine.run(
        "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends hello && hello"
    )
    assert code == 0 and "Hello, world!" in said, said[-2000:]
    code, said = mine.run(
        "python3 -m venv /tmp/v && /tmp/v/bin/pip install -q six && /tmp/v/bin/python -c 'import six; print(six.__name__)'"
    )
    assert code == 0 and said.endswith("six\n"), said[-2000:]


def test_a_fork_bomb_and_a_full_shared_memory_stay_inside(mine: Puppet) -> None:
    code, said = mine.run(
        "python3 -c '\n"
        "import os, time\n"
        "children = []\n"
        "try:\n"
        "    while len(children) < 20000:\n"
        "        pid = os.fork()\n"
        "        if pid == 0: time.sleep(60); os._exit(0)\n"
        "        children.append(pid)\n"
        "except OSError as error:\n"
        "    print(error.strerror, len(children) < 5000)\n"
        "for pid in children: os.kill(pid, 9)\n"
        "for pid in children: os.waitpid(pid, 0)\n"
        "'"
    )
    assert said.strip() == "Resource temporarily unavailable True", (code, said)
    assert mine.say("echo alive") == "alive"
