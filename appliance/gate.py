"""Who may enter users' code through the gateway: one rule for the check at the door and for the one later on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from appliance import api_keys, identity, sessions
from appliance.access import NOBODY, Principal, require
from appliance.config import bracketed
from appliance.context import Context
from appliance.db import Db
from appliance.errors import NotFound
from appliance.runtime import workloads
from appliance.runtime.tokens import live_workload
from appliance.runtime.workloads import Workload


@dataclass(frozen=True)
class Service:
    """What the gateway's path names: `/n/<notebook id>/` is kind "n" and that id."""

    kind: str
    target: str

    @property
    def text(self) -> str:
        return f"{self.kind}/{self.target}"


def parse(text: str) -> Service:
    """From `n/nabc1234`; NotFound for anything else."""
    kind, _, target = text.strip("/").partition("/")
    if not kind or not target or "/" in target:
        raise NotFound("no such address")
    return Service(kind, target)


def admit(ctx: Context, service: Service) -> Workload:
    """The newest workload behind a service, when the principal may use it; NotFound or Forbidden otherwise."""
    workload = workloads.latest(ctx.db, [service.target]).get(service.target)
    route = workload.spec.route if workload else None
    if (
        workload is None
        or route is None
        or (route.kind, route.target) != (service.kind, service.target)
    ):
        raise NotFound(
            "nothing was ever started here", hint="check the address, or start it on its page"
        )
    require(ctx, route.permission, project_id=workload.project_id)
    return workload


def by_credential(db: Db, credential: str) -> Principal:
    """Whom a noted credential stands for now: a session's or a key's user, a live workload; NOBODY when it is gone."""
    if session := sessions.by_digest(db, credential):
        return session_principal(db, session)
    if key := api_keys.by_id(db, credential):
        return key_principal(db, key)
    return live_workload(db, credential)


def session_principal(db: Db, session: sessions.Session | None) -> Principal:
    """The user behind a session, in the team that the session works in; NOBODY without one."""
    if session is None:
        return NOBODY
    return _user(db, session.user_id, session.team_id, session.digest, "session")


def key_principal(db: Db, key: api_keys.ApiKey | None) -> Principal:
    """The user behind an API key, in its team; NOBODY without one."""
    return NOBODY if key is None else _user(db, key.user_id, key.team_id, key.id, "key")


def _user(
    db: Db, user_id: str, team_id: str, credential: str, by: Literal["session", "key"]
) -> Principal:
    user = identity.user_by_id(db, user_id)
    return Principal(
        "user",
        user_id=user.id,
        user_name=user.handle,
        team_id=team_id,
        is_admin=user.is_admin,
        credential=credential,
        by=by,
    )


def users_origin(ctx: Context, service: Service, host: str) -> str:
    """Where users' code of a service lives, seen from the host name that the browser used for us."""
    config = ctx.config
    name = urlsplit(f"//{host}").hostname or config.host
    if config.origin_mode == "subdomain":
        name = f"{service.target}.{config.notebook_domain}"
    default = {"http": 80, "https": 443}[config.scheme]
    port = "" if config.user_port == default else f":{config.user_port}"
    return f"{config.scheme}://{bracketed(name)}{port}"


def ui_origin(ctx: Context, host: str) -> str:
    """Where our own pages live, seen from users' code at this host name: by name alone in port mode."""
    config = ctx.config
    if config.origin_mode == "subdomain":
        return config.base_url
    name = urlsplit(f"//{host}").hostname or config.host
    return f"{config.scheme}://{bracketed(name)}:{config.port}"
