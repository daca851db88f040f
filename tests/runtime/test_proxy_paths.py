"""Which container a request reaches, and what it carries there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runtime.proxy_parts import Lab, open_lab, until

PAGE = [("Accept", "text/html,application/xhtml+xml")]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab() as opened:
        yield opened


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    """Port mode: one origin for all notebooks."""
    with open_lab(host="0.0.0.0") as opened:
        yield opened


def test_a_request_reaches_its_container(lab: Lab) -> None:
    answer = lab.get("/n/mine/api?x=1", gate=lab.sign_in("/n/mine"))
    assert answer.status == 200
    assert (answer.seen["server"], answer.seen["path"]) == ("mine", "/n/mine/api?x=1")
    assert answer.values("host") == [f"mine.localhost:{lab.config.port}"]


def test_a_port_inside_is_asked_of_the_containers_own_relay(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine")
    for path, inside in (
        ("/n/mine/port/6006/", "/n/mine/proxy/6006/"),
        ("/n/mine/port/6006/data/a%20b?x=%2F", "/n/mine/proxy/6006/data/a%20b?x=%2F"),
        ("/n/mine/port/x/", "/n/mine/port/x/"),
        ("/n/mine/files/port/6006/", "/n/mine/files/port/6006/"),
    ):
        answer = lab.get(path, gate=gate)
        assert (answer.seen["server"], answer.seen["path"]) == ("mine", inside)
    answer = lab.get("/n/mine/port/6006", gate=gate)
    assert (answer.status, answer.headers["Location"]) == (302, "/n/mine/port/6006/")
    assert lab.get("/n/mine/port/6006/").status == 401
    assert lab.get("/n/mine/port/6006/../../../theirs/x", gate=gate).status in (403, 404)


WAYS_OUT = [
    "/n/mine/../theirs/x",
    "/n/mine/%2e%2e/theirs/x",
    "/n/mine/..%2ftheirs/x",
    "/n/mine/..%2Ftheirs%2Fx",
    "/n/mine%2f..%2ftheirs/x",
    "/n/./mine/.%2e/theirs/x",
    "//n//mine/..//theirs/x",
    "/n/mine/x/../../theirs/x",
    "/x/../n/theirs/x",
]


@pytest.mark.parametrize("path", WAYS_OUT)
@pytest.mark.parametrize("host", ["mine.localhost", "theirs.localhost"])
def test_no_path_leads_to_another_notebook(lab: Lab, path: str, host: str) -> None:
    answer = lab.get(path, host, gate=lab.sign_in("/n/mine"))
    assert answer.status in (403, 404)


@pytest.mark.parametrize("path", WAYS_OUT)
def test_no_path_leads_to_another_notebook_on_a_shared_origin(shared: Lab, path: str) -> None:
    gate, port = shared.sign_in("/n/mine"), shared.config.user_port
    assert shared.get("/n/mine/x", "localhost", gate=gate, port=port).seen["server"] == "mine"
    assert shared.get(path, "localhost", gate=gate, port=port).status == 403


@pytest.mark.parametrize("path", WAYS_OUT)
def test_the_target_is_what_was_authorised(shared: Lab, path: str) -> None:
    gate = shared.sign_in("/n/theirs")
    answer = shared.get(path, "localhost", gate=gate, port=shared.config.user_port)
    assert answer.seen["server"] == "theirs"


def test_backslashes_and_newlines_are_no_separators(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine")
    for path in ("/n/mine%0a/x", "/n/mine%5c..%5ctheirs/x", "/n/mine%00/x", "/n/MINE/x", "/n%2f/x"):
        assert lab.get(path, gate=gate).status in (400, 404)


def test_the_host_must_be_the_notebooks_own(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine", "/n/theirs")
    assert lab.get("/n/mine/x", "theirs.localhost", gate=gate).status == 404
    assert lab.get("/n/mine/x", "MINE.localhost", gate=gate).status == 200
    assert lab.get("/n/mine/x", "mine.localhost.evil.example", gate=gate).status == 421
    assert lab.get("/n/mine/x", "a.mine.localhost", gate=gate).status == 421


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.2", "localhost.evil.example", ""])
def test_an_unknown_name_is_misdirected(lab: Lab, host: str) -> None:
    answer = lab.get("/", host)
    assert answer.status in (400, 421)
    if answer.status == 421:
        assert "names in config.toml" in answer.body


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_ui_answers_to_its_names(lab: Lab, host: str) -> None:
    assert lab.get("/projects", host).seen["server"] == "web"


def test_an_absolute_request_line_can_not_smuggle_a_host(lab: Lab) -> None:
    port = lab.config.port
    answer = lab.get(f"http://localhost:{port}/x", "evil.example")
    assert answer.values("host") == [f"localhost:{port}"]
    assert answer.values("x-forwarded-host") == [f"localhost:{port}"]


def test_no_credential_of_ours_reaches_a_container(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine")
    cookies = (
        f"gate={gate}; appliance_session=s; _xsrf=2|a; gate=second; __Host-appliance_session=s;"
        f" username-mine-localhost-8080=u; other=o; GATE=third"
    )
    headers = [("Cookie", cookies), ("Authorization", "Bearer key")]
    answer = lab.get("/n/mine/x", headers=headers)
    assert answer.values("cookie") == ["_xsrf=2|a; username-mine-localhost-8080=u"]
    assert answer.values("authorization") == []


def test_only_we_say_who_it_is(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine")
    forged = [
        *(("X-Appliance-User", "root"), ("X_Appliance_User", "root")),
        *(("X-Forwarded-For", "9.9.9.9"), ("X-Real-IP", "9.9.9.9"), ("Forwarded", "for=9.9.9.9")),
        *(("X-Appliance-Via", "gateway"), ("X-Client", "c"), ("X-Service", "/n/theirs")),
    ]
    answer = lab.get("/n/mine/x", headers=forged, gate=gate)
    assert answer.values("x-appliance-user") == [lab.users[gate]]
    assert answer.values("x-forwarded-for") == ["127.0.0.1"]
    absent = (
        "x_appliance_user",
        "x-real-ip",
        "forwarded",
        "x-client",
        "x-appliance-via",
        "x-service",
    )
    assert not [name for name in absent if answer.values(name)]


def test_web_and_workloads_can_not_be_forged_either(lab: Lab) -> None:
    forged = [
        ("X-Appliance-Via", "gateway"),
        ("X-Appliance-User", "root"),
        ("X-Service", "/n/mine"),
    ]
    api_port = int(lab.site.api.rpartition(":")[2])
    ui = lab.get("/v1/projects", "localhost", forged)
    workload = lab.get("/v1/projects", "appliance", [*forged, ("Cookie", "a=b")], port=api_port)
    assert ui.values("x-appliance-via") == ["ui"]
    assert workload.values("x-appliance-via") == ["workload"]
    assert workload.values("cookie") == []
    for answer in (ui, workload):
        assert answer.values("x-appliance-user") == answer.values("x-service") == []
    assert lab.get("/v2/", "appliance", port=api_port).status == 404
    assert lab.get("/v1/../internal/authorize", "appliance", port=api_port).status == 404


def test_web_sees_only_what_the_answer_is_cached_by(lab: Lab) -> None:
    """Or a planted GATE cookie would share its victim's answer with whoever planted it."""
    gate = lab.sign_in("/n/mine")
    lab.get("/n/mine/x?token=t", headers=[("Cookie", f"GATE=planted; gate={gate}"), ("X-A", "b")])
    asked = lab.asked[-1]
    assert asked["cookie"] == "gate=planted"
    assert set(asked) == {
        *("host", "cookie", "x-appliance-via", "x-forwarded-proto", "x-method", "x-service"),
    }
    assert lab.get("/n/mine/x", headers=[("Cookie", "GATE=planted")]).status == 401


def test_a_keys_parts_can_not_run_into_each_other(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine")
    assert lab.get("/n/mine/x", gate=gate).status == 200
    assert lab.get("/n/mine/x", headers=[("Authorization", f"{gate}|")]).status == 401
    assert lab.get("/n/mine/x", headers=[("Cookie", f"gate={gate}|x")]).status == 401


def test_a_container_can_not_steer_the_gateway(lab: Lab) -> None:
    answer = lab.get("/n/mine/steer", gate=lab.sign_in("/n/mine"))
    assert (answer.status, answer.body) == (200, "own answer")


@pytest.mark.parametrize("status", [401, 403, 404, 500, 502, 504])
def test_a_containers_own_errors_pass(lab: Lab, status: int) -> None:
    answer = lab.get(f"/n/mine/{status}", gate=lab.sign_in("/n/mine"))
    assert (answer.status, answer.body) == (status, "the container's own")


def test_bodies_pass_whatever_the_method(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine")
    for method in ("POST", "PUT", "DELETE"):
        answer = lab.get("/n/mine/x", gate=gate, method=method, body=b"text")
        assert (answer.seen["method"], answer.seen["body"]) == (method, "text")
        assert lab.asked_about(gate)[-1]["x-method"] == method


def test_an_answer_is_asked_for_once_and_kept_per_user_and_target(lab: Lab) -> None:
    gate, other = lab.sign_in("/n/mine", "/n/theirs"), lab.sign_in()
    for _ in range(20):
        assert lab.get("/n/mine/x", gate=gate).status == 200
    assert len(lab.asked_about(gate)) < 5
    assert lab.get("/n/mine/x", gate=other).status == 403
    assert lab.get("/n/mine/x").status == 401
    assert lab.get("/n/theirs/x", "theirs.localhost", gate=gate).seen["server"] == "theirs"


def test_a_revoked_user_is_out_within_seconds(lab: Lab) -> None:
    gate = lab.sign_in("/n/mine")
    assert lab.get("/n/mine/x", gate=gate).status == 200
    lab.revoke(gate)
    until(lambda: lab.get("/n/mine/x", gate=gate).status == 403, seconds=3)


def test_a_frozen_web_is_an_answer_not_a_wait(lab: Lab) -> None:
    lab.thawed.clear()
    try:
        answer = lab.get("/n/mine/x", gate=lab.sign_in("/n/mine"))
    finally:
        lab.thawed.set()
    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/json")
    assert lab.get("/n/mine/x", gate=lab.sign_in("/n/mine")).status == 200


def test_a_person_without_access_is_sent_to_sign_in(lab: Lab) -> None:
    answer = lab.get("/n/mine/lab?a=1&b=2", headers=PAGE)
    base = f"http://127.0.0.1:{lab.config.port}"
    assert answer.status == 302
    assert answer.headers["Location"] == f"{base}/open/n/mine?next=/n/mine/lab?a=1&b=2"


def test_a_redirect_can_not_be_split(lab: Lab) -> None:
    answer = lab.get("/n/mine/%0d%0aSet-Cookie:a=b", headers=PAGE)
    assert answer.status == 302
    assert answer.headers["Set-Cookie"] is None


def test_a_program_without_access_is_told_in_json(lab: Lab) -> None:
    wanted = [(401, "", "UNAUTHORIZED"), (403, lab.sign_in(), "FORBIDDEN")]
    for status, gate, code in wanted:
        answer = lab.get("/n/mine/api", gate=gate)
        assert (answer.status, code in answer.body) == (status, True)
        assert answer.headers["Content-Type"] == "application/json"
    assert lab.get("/n/mine/api", method="POST", headers=PAGE).status == 401


def test_what_is_not_there_is_not_found(lab: Lab) -> None:
    gate = lab.sign_in()
    for _ in range(2):  # the second one from the cache
        answer = lab.get("/n/gone/api", "gone.localhost", gate=gate)
        assert (answer.status, "NOT_FOUND" in answer.body) == (404, True)
        page = lab.get("/n/gone/api", "gone.localhost", PAGE, gate=gate)
        assert (page.status, page.headers["Content-Type"]) == (404, "text/html")
    assert len(lab.asked_about(gate)) < 4
    assert lab.get("/elsewhere").status == 404


def test_a_container_that_is_not_up_yet_says_so(lab: Lab) -> None:
    answer = lab.get("/n/cold/lab?token=t", "cold.localhost", gate=lab.sign_in("/n/cold"))
    assert (answer.status, answer.body) == (503, "starting /n/cold")


def test_a_ticket_goes_to_web(lab: Lab) -> None:
    answer = lab.get("/_enter?ticket=abc")
    assert (answer.status, answer.headers["Location"]) == (302, "/n/mine/")
    path, headers = lab.entered[-1]
    assert path == "/internal/enter?ticket=abc"
    assert headers["Host"] == f"mine.localhost:{lab.config.port}"
    assert headers["X-Appliance-Via"] == "gateway"


def test_users_origins_protect_themselves(lab: Lab) -> None:
    answer = lab.get("/n/mine/x", gate=lab.sign_in("/n/mine"))
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    ui = f"http://127.0.0.1:{lab.config.port}"
    assert answer.headers["Content-Security-Policy"] == f"frame-ancestors 'self' {ui}"


OWN = "http://mine.localhost"
FOREIGN = [
    "http://theirs.localhost",
    "https://mine.localhost",
    "http://localhost",
    "null",
    OWN + ".evil",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_another_origin_changes_nothing(lab: Lab, origin: str) -> None:
    gate, port = lab.sign_in("/n/mine"), lab.config.port
    origin = origin if origin == "null" else f"{origin}:{port}"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        headers = [("Origin", origin), ("Content-Length", "0")]
        assert lab.get("/n/mine/x", headers=headers, gate=gate, method=method).status == 403
    assert not lab.asked_about(gate)


def test_its_own_origin_and_programs_may(lab: Lab) -> None:
    gate, port = lab.sign_in("/n/mine"), lab.config.port
    own = [("Origin", f"{OWN}:{port}"), ("Sec-Fetch-Site", "same-origin")]
    assert lab.get("/n/mine/x", headers=own, gate=gate, method="PUT", body=b"x").status == 200
    assert lab.get("/n/mine/x", gate=gate, method="PUT", body=b"x").status == 200


def fetch(site: str, mode: str, dest: str) -> list[tuple[str, str]]:
    return [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_loads_whole_pages_only(lab: Lab, site: str) -> None:
    gate = lab.sign_in("/n/mine")
    for mode, dest in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
        assert lab.get("/n/mine/x", headers=fetch(site, mode, dest), gate=gate).status == 403
    page = fetch(site, "navigate", "document")
    assert lab.get("/n/mine/x", headers=page, gate=gate).status == 200
    assert lab.get("/_enter?ticket=a", headers=fetch(site, "no-cors", "image")).status == 403


@pytest.mark.parametrize("path", ["/internal/authorize", "//internal/enter", "/a/..%2finternal/x"])
def test_internal_questions_are_not_for_clients(lab: Lab, path: str) -> None:
    assert lab.get(path, "localhost").status == 404
    assert lab.get("/_authorize").status in (403, 404)
    assert lab.get("/_logs/a", "localhost").status == 404
