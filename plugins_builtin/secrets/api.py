"""Secrets at the API: the same verbs for each of their three places."""

from __future__ import annotations

from typing import Any

from appliance.context import Context
from appliance.plugins import PEOPLE, ApiResource, Verb
from appliance.schema import Page, PageQuery
from plugins_builtin.secrets import service
from plugins_builtin.secrets.specs import (
    EphemeralBody,
    EphemeralReply,
    Place,
    Scope,
    Secret,
    SecretBody,
    SecretDeleted,
    SecretReply,
    SecretWritten,
    ValueBody,
)

OF = {
    "project": "of a project",
    "team": "for all projects of a team",
    "cluster": "for all teams of this appliance",
}


def shown(secret: Secret) -> SecretReply:
    return SecretReply(
        name=secret.name, dt_created=secret.created_ms, dt_modified=secret.modified_ms
    )


def written(secret: Secret) -> SecretWritten:
    return SecretWritten(
        name=secret.name, dt_created=secret.created_ms, dt_modified=secret.modified_ms
    )


def _verbs(scope: Scope) -> tuple[Verb, ...]:
    """List, get, create, update, set and delete of one place."""

    def place(ids: dict[str, str]) -> Place:
        return Place(scope, ids[f"{scope}_id"])

    def list_(ctx: Context, query: PageQuery, **ids: str) -> Page[SecretReply]:
        return service.page(ctx, place(ids), query).map(shown)

    def get(ctx: Context, name: str, **ids: str) -> SecretReply:
        return shown(service.get(ctx, place(ids), name))

    def create(ctx: Context, body: SecretBody, **ids: str) -> SecretWritten:
        return written(service.create(ctx, place(ids), body.name, body.value))

    def update(ctx: Context, name: str, body: ValueBody, **ids: str) -> SecretWritten:
        return written(service.update(ctx, place(ids), name, body.value))

    def put(ctx: Context, name: str, body: ValueBody, **ids: str) -> SecretWritten:
        return written(service.put(ctx, place(ids), name, body.value))

    def delete(ctx: Context, name: str, **ids: str) -> SecretDeleted:
        return SecretDeleted(name=service.delete(ctx, place(ids), name).name)

    many = f"/{scope}s/{{{scope}_id}}/secrets"
    one, of = f"{many}/{{name}}", OF[scope]
    read: dict[str, Any] = {"permission": "secrets.list", "by": PEOPLE}
    change: dict[str, Any] = {"permission": f"secrets.set_{scope}", "by": PEOPLE}
    if scope == "team":
        change["role"] = "admin"
    elif scope == "cluster":
        read["access"], change["access"] = "user", "admin"
    return (
        Verb(
            f"list_{scope}", "GET", many, list_, query=PageQuery, words=f"secrets list {scope}",
            summary=f"Names of the secrets {of}", **read,
        ),
        Verb(
            f"get_{scope}", "GET", one, get, words=f"secrets details {scope}",
            summary=f"A secret {of}, without its value", **read,
        ),
        Verb(
            f"create_{scope}", "POST", many, create, body=SecretBody, words=f"secrets create {scope}",
            summary=f"New secret {of}", **change,
        ),
        Verb(
            f"update_{scope}", "PATCH", one, update, body=ValueBody, words=f"secrets update {scope}",
            summary=f"Give a secret {of} a new value", **change,
        ),
        Verb(
            f"set_{scope}", "PUT", one, put, body=ValueBody, words=f"secrets set {scope}",
            summary=f"Set a secret {of}, new or not", **change,
        ),
        Verb(
            f"delete_{scope}", "DELETE", one, delete, words=f"secrets delete {scope}",
            summary=f"Delete a secret {of}", **change,
        ),
    )  # fmt: skip


def _ephemeral(ctx: Context, body: EphemeralBody) -> EphemeralReply:
    secret = service.create_ephemeral(ctx, body.name, body.value, body.expires_in)
    return EphemeralReply(
        name=secret.name, reference=f"secret:{secret.name}", dt_expires=secret.expires_ms or 0
    )


SECRETS = ApiResource(
    "secrets",
    id_prefix="",
    spec=SecretReply,
    title="Secrets",
    columns=("name", "dtCreated", "dtModified"),
    verbs=(
        *_verbs("team"),
        *_verbs("project"),
        *_verbs("cluster"),
        Verb(
            "ephemeral", "POST", "/secrets/ephemeral", _ephemeral, body=EphemeralBody, by=PEOPLE,
            summary="A secret for your own programs that expires",
        ),
    ),
)  # fmt: skip
