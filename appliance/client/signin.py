"""`appliance login`, `logout` and `whoami`."""

from __future__ import annotations

import contextlib
import platform
from typing import Any
from urllib.parse import quote

import click

from appliance.client import output, store
from appliance.client.document import Request
from appliance.client.sdk import Client
from appliance.client.store import Login
from appliance.client.transport import Transport
from appliance.errors import ApplianceError, Unauthenticated

SESSION = Request("GET", "/auth/session", {}, None)


def sign_in(
    url: str, user: str, password: str, team: str | None = None, key_name: str | None = None
) -> Login:
    """A new key of this user, kept for the next commands."""
    body = {"user": user, "password": password, "team": team}
    body["keyName"] = key_name or f"command line on {platform.node() or 'this machine'}"
    given = {name: value for name, value in body.items() if value}
    transport = Transport(store.tidy(url))
    try:
        answer = transport.send(Request("POST", "/auth/login", {}, given)).json()
    finally:
        transport.close()
    return keep(url, answer["key"], answer.get("id", ""))


def keep(url: str, key: str, key_id: str = "") -> Login:
    """Use this key from now on, and end the one that it replaces. Unauthenticated if the appliance does not take it."""
    before, found = store.kept_login(), Login(store.tidy(url), key, key_id)
    if before is not None and (before.url, before.key) == (found.url, found.key):
        found = before
    with Client(found.url, found.key) as client:
        if session(client) is None:
            raise Unauthenticated("the appliance does not know this key", hint="make a new one")
        client.refresh()
    store.keep_login(found)
    if before is not None and before.url == found.url and before.key != found.key:
        with contextlib.suppress(ApplianceError):  # it may have ended already
            _end(before)
    return found


def _end(login: Login) -> None:
    """Delete a key at the appliance that made it for us; one from elsewhere belongs to others."""
    if login.key_id:
        with Client(login.url, login.key) as client:
            client.send(Request("DELETE", f"/api-keys/{quote(login.key_id, safe='')}", {}, None))


def sign_out() -> str:
    """Forget the key, and end it where it came from; what was done, in words."""
    found = store.kept_login()
    store.forget_login()
    if found is None:
        return "you were not signed in"
    if not found.key_id:
        return "signed out; the key stays valid until you delete it"
    try:
        _end(found)
    except ApplianceError as error:
        return f"signed out; the key may still be valid, since it could not be deleted: {error}"
    return "signed out"


def session(client: Client) -> Any:
    """rest-v1 `Session` of the client's key; None without a valid one."""
    return client.send(SESSION)


def whoami(as_json: bool) -> None:
    """Print who one is, where."""
    with Client() as client:
        found = session(client)
        if found is None:
            raise Unauthenticated("not signed in", hint=f"run `appliance login {client.url}`")
        if as_json:
            output.console().print_json(data=found)
            return
        user, team = found["user"], found["team"]
        click.echo(
            output.plain(f"{user['email']} ({user['id']}), team {team['namespace']} ({team['id']})")
        )
        click.echo(client.url)
