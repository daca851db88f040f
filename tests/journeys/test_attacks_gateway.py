"""A hostile notebook and its user against the gateway: the socket replaced, paths, hosts, and what reaches a container."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator

import pytest

from tests.journeys.client import Person
from tests.journeys.instance import PASSWORD, Instance
from tests.journeys.puppet import BackDoor, Puppet, end, start_puppet

pytestmark = pytest.mark.containers


@pytest.fixture(scope="module")
def puppets(appliance: Instance) -> Iterator[tuple[Puppet, Puppet]]:
    """Mine, and theirs in another team, where I am a stranger."""
    appliance.command("teams", "add", "strangers")
    password = appliance.add_user("stranger", "strangers")
    me, them = Person(appliance.url, "stranger", password), Person(appliance.url, "admin", PASSWORD)
    mine = start_puppet(me, me.project("mine"), "mine")
    theirs = start_puppet(them, them.project("theirs"), "theirs")
    theirs.say("echo 'the secret of theirs' > /notebooks/secret.txt")
    yield mine, theirs
    for puppet in (mine, theirs):
        end(puppet.person, puppet.notebook)
        puppet.person.close()


def raw(appliance: Instance, request: str) -> tuple[int, str]:
    """Bytes on the wire as no HTTP client would send them; status and the whole answer."""
    with socket.create_connection(("127.0.0.1", appliance.port), timeout=10) as wire:
        wire.sendall(request.replace("\n", "\r\n").encode())
        answer = b""
        while part := wire.recv(65536):
            answer += part
    return int(answer.split(b" ", 2)[1]), answer.decode(errors="replace")


def test_a_socket_that_became_a_link_is_not_followed(
    appliance: Instance, puppets: tuple[Puppet, Puppet]
) -> None:
    mine, theirs = puppets
    paths = appliance.config.paths
    behind = BackDoor(mine.address())
    sessions = theirs.person.session(theirs.notebook)
    targets = (
        paths.sockets / sessions["id"] / "app.sock",
        paths.http / "web.sock",
        paths.podman_socket,
        paths.http / "stream.sock",
    )
    assert all(target.is_socket() for target in targets), targets
    hide, show = 'mv "$SOCKET_PATH" /run/gateway/kept', 'mv -f /run/gateway/kept "$SOCKET_PATH"'
    for target in targets:
        assert behind.run(f'{hide} && ln -s {target} "$SOCKET_PATH"') == (0, "")
        for path in ("echo", "v1/health", "_ping", "secret.txt"):
            answer = mine.door.request("GET", path, headers={"Accept": "application/json"})
            assert answer.status_code == 503, (target, answer.text)
        assert behind.run(show) == (0, "")
    assert mine.echo()["method"] == "GET", "the way is open again"


def test_the_sockets_directory_stays_small_and_inert(puppets: tuple[Puppet, Puppet]) -> None:
    mine, _ = puppets
    code, said = mine.run(
        "head -c 1000000 /dev/zero > /run/gateway/big; rm -f /run/gateway/big; exit 7"
    )
    assert code == 7 and "No space left" in said
    assert mine.run("cp /bin/true /run/gateway/x && /run/gateway/x")[0] == 126, "noexec"
    mine.say("rm /run/gateway/x")


TO_THEIRS = (
    "/n/{mine}/../{theirs}/echo",
    "/n/{mine}/%2e%2e/{theirs}/echo",
    "/n/{mine}/%2E%2E/{theirs}/echo",
    "/n/{mine}/.%2e/{theirs}/echo",
    "/n/{mine}/x/../../{theirs}/echo",
    "//n/{theirs}/echo",
    "/n//{theirs}/echo",
    "/./n/{theirs}/echo",
    "/n/{theirs}/echo",
    "/x/../n/{theirs}/echo",
)


@pytest.mark.parametrize("path", TO_THEIRS)
def test_no_path_leads_to_theirs(
    path: str, appliance: Instance, puppets: tuple[Puppet, Puppet]
) -> None:
    mine, theirs = puppets
    target = path.format(mine=mine.notebook, theirs=theirs.notebook)
    for host in (mine.door.host, theirs.door.host):
        for method in ("GET", "POST"):
            status, answer = raw(
                appliance,
                f"{method} {target} HTTP/1.1\nHost: {host}\nCookie: gate={mine.door.gate}\n"
                "Accept: application/json\nContent-Length: 0\nConnection: close\n\n",
            )
            assert status in (401, 403, 404), (host, method, answer)
            assert theirs.notebook not in answer.partition("\r\n\r\n")[2]


def test_encoded_slashes_stay_with_mine(
    appliance: Instance, puppets: tuple[Puppet, Puppet]
) -> None:
    """A `..%2f` is one odd name at the gateway or leaves it; either way it never reaches theirs."""
    mine, theirs = puppets
    for path in ("..%2f", "..%2F", "%2e%2e%2f", "..%5c", "..;/"):
        status, answer = raw(
            appliance,
            f"GET /n/{mine.notebook}/{path}{theirs.notebook}/echo HTTP/1.1\nHost: {mine.door.host}\n"
            f"Cookie: gate={mine.door.gate}\nConnection: close\n\n",
        )
        assert status in (200, 400, 404), answer
        assert status != 200 or f'"base": "/n/{mine.notebook}/"' in answer


def test_a_forged_host_opens_nothing(appliance: Instance, puppets: tuple[Puppet, Puppet]) -> None:
    mine, theirs = puppets
    port = appliance.port
    path = f"/n/{theirs.notebook}/echo"
    cases = {
        f"Host: evil.example:{port}": 421,
        f"Host: {mine.notebook}.localhost.evil.example:{port}": 421,
        f"Host: {mine.door.host}.evil.example": 404,
        f"Host: localhost:{port}\nX-Forwarded-Host: {theirs.door.host}": 404,
        f"Host: {theirs.door.host}\nX-Forwarded-Host: {mine.door.host}": 401,
        f"Host: {theirs.door.host}\nX-Service: n/{mine.notebook}\nX-Appliance-Via: gateway": 401,
    }
    for lines, expected in cases.items():
        status, answer = raw(
            appliance,
            f"GET {path} HTTP/1.1\n{lines}\nCookie: gate={mine.door.gate}\n"
            "Accept: application/json\nConnection: close\n\n",
        )
        assert status == expected, (lines, answer)
    status, answer = raw(
        appliance,
        f"GET http://{mine.door.host}{path} HTTP/1.1\nHost: {theirs.door.host}\n"
        f"Cookie: gate={mine.door.gate}\nConnection: close\n\n",
    )
    assert status == 404, answer


def test_questions_of_the_gateway_are_not_answered_to_others(
    appliance: Instance, puppets: tuple[Puppet, Puppet]
) -> None:
    mine, theirs = puppets
    for host in (f"localhost:{appliance.port}", mine.door.host):
        for path in ("/internal/authorize", "/internal/enter", "/_authorize", "/_logs/", "/_spool/",
                     "/static/../_spool/", "/v1/../internal/authorize", "/%69nternal/authorize"):  # fmt: skip
            status, answer = raw(
                appliance,
                f"GET {path} HTTP/1.1\nHost: {host}\nX-Service: n/{theirs.notebook}\n"
                f"X-Appliance-Via: gateway\nCookie: gate={theirs.door.gate}\nAccept: application/json\n"
                "Connection: close\n\n",
            )
            assert status in (401, 403, 404), (host, path, answer)
            assert "X-Upstream" not in answer


def test_no_credential_of_ours_reaches_a_container(puppets: tuple[Puppet, Puppet]) -> None:
    mine, _ = puppets
    session = mine.person.http.cookies["appliance_session"]
    secrets = (session, mine.door.gate, "planted", "not-a-key")
    cookie = (
        f"appliance_session={session}; gate={mine.door.gate}; __Host-appliance_session={session}; "
        "_xsrf=jupyters-own; appliance_session=planted; other=planted"
    )
    forged = {
        "Cookie": cookie,
        "X-Appliance-User": "planted",
        "X-Appliance-Via": "planted",
        "X-Forwarded-For": "planted",
        "X-Forwarded-Host": "planted",
        "Forwarded": "for=planted",
        "X-Real-IP": "planted",
    }
    for seen in (
        mine.echo(headers=forged),
        mine.echo(method="POST", headers={**forged, "Origin": f"http://{mine.door.host}"}),
    ):
        headers = seen["headers"]
        assert not [item for item in headers if any(text in item[1] for text in secrets)], headers
        assert ["cookie", "_xsrf=jupyters-own; "] in headers or [
            "cookie",
            "_xsrf=jupyters-own",
        ] in headers
        assert ["x-appliance-user", "stranger"] in headers
    named = {name for name, _ in mine.echo()["headers"]}
    assert "authorization" not in named and "cookie" not in named


def test_an_api_key_opens_the_door_and_stays_outside(
    appliance: Instance, puppets: tuple[Puppet, Puppet]
) -> None:
    mine, theirs = puppets
    key = mine.say("echo $APPLIANCE_API_KEY")
    header = {"Authorization": f"Bearer {key}", "Cookie": ""}
    seen = mine.echo(headers=header)
    assert not [item for item in seen["headers"] if key in item[1]]
    other = theirs.door.request("GET", "echo", headers={**header, "Accept": "application/json"})
    assert other.status_code == 404
    bad = mine.door.request("GET", "echo", headers={"Authorization": "Bearer not-a-key"})
    assert bad.status_code == 401


# Answers two requests in the place of the program at the socket.
STEER = """
import http.server, os, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Accel-Redirect", "TARGET")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"mine!")
    def address_string(self):
        return "somebody"
path = os.environ["SOCKET_PATH"]
os.rename(path, path + ".kept")
server = socketserver.UnixStreamServer(path, Handler)
os.chmod(path, 0o666)
print("ready", flush=True)
for _ in range(2):
    server.handle_request()
os.rename(path + ".kept", path)
"""


def test_what_a_container_answers_does_not_steer_the_gateway(
    appliance: Instance, puppets: tuple[Puppet, Puppet]
) -> None:
    """X-Accel-Redirect from inside would hand out logs of others."""
    mine, theirs = puppets
    session = theirs.person.session(theirs.notebook)["id"]
    program = STEER.replace("TARGET", f"/_logs/{session}/0000000000000000.log")
    behind = BackDoor(mine.address())
    started = shlex.join(["python3", "-c", program])
    assert (
        behind.run(
            f"{started} >/tmp/steer 2>&1 & until grep -q ready /tmp/steer; do sleep 0.1; done"
        )[0]
        == 0
    )
    for _ in range(2):
        answer = mine.door.request("GET", "steer")
        assert answer.status_code == 200 and answer.text == "mine!", answer.text
