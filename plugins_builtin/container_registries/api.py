"""Registries at the API."""

from __future__ import annotations

from appliance.context import Context
from appliance.plugins import PEOPLE, ApiResource, Verb
from appliance.schema import Page, PageQuery
from plugins_builtin.container_registries import service
from plugins_builtin.container_registries.specs import (
    Registry,
    RegistryBody,
    RegistryChange,
    RegistryReply,
)


def shown(registry: Registry) -> RegistryReply:
    return RegistryReply(
        id=registry.id,
        name=registry.name,
        namespace=registry.namespace,
        url=registry.url,
        username=registry.username,
        kind=registry.kind,
        dt_created=registry.created_ms,
        dt_modified=registry.modified_ms,
    )


def _list(ctx: Context, query: PageQuery) -> Page[RegistryReply]:
    return service.page(ctx, query).map(shown)


def _create(ctx: Context, body: RegistryBody) -> RegistryReply:
    return shown(service.create(ctx, body))


def _get(ctx: Context, registry_id: str) -> RegistryReply:
    return shown(service.get(ctx, registry_id))


def _update(ctx: Context, registry_id: str, body: RegistryChange) -> RegistryReply:
    return shown(service.update(ctx, registry_id, body))


def _delete(ctx: Context, registry_id: str) -> RegistryReply:
    return shown(service.delete(ctx, registry_id))


ONE = "/container-registries/{registry_id}"
REGISTRIES = ApiResource(
    "container_registries",
    id_prefix="cr",
    spec=RegistryReply,
    title="Container registries",
    words="container-registries",
    columns=("id", "name", "url", "namespace", "username", "kind"),
    verbs=(
        Verb(
            "list", "GET", "/container-registries", _list, query=PageQuery, by=PEOPLE,
            summary="Registries of the team",
        ),
        Verb(
            "create", "POST", "/container-registries", _create, body=RegistryBody, role="admin", by=PEOPLE,
            summary="Add a registry with its credentials",
        ),
        Verb("get", "GET", ONE, _get, by=PEOPLE, summary="One registry", words="container-registries details"),
        Verb(
            "update", "PUT", ONE, _update, body=RegistryChange, role="admin", by=PEOPLE,
            summary="Change some fields of a registry",
        ),
        Verb("delete", "DELETE", ONE, _delete, role="admin", by=PEOPLE, summary="Remove a registry"),
        Verb(
            "test", "GET", f"{ONE}/test-connection", service.test, role="admin", by=PEOPLE,
            summary="Try to sign in with the stored credentials",
        ),
    ),
)  # fmt: skip
