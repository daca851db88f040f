"""The page of registries."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from appliance.errors import ApplianceError
from appliance.schema import PageQuery
from appliance.web import forms
from appliance.web.pages import context, done, page
from appliance.web.status import status_of
from plugins_builtin.container_registries import service
from plugins_builtin.container_registries.specs import RegistryBody, RegistryChange, Tested

MOST = 200
FIELDS = ("name", "url", "namespace", "username")


def blueprint() -> Blueprint:
    pages = Blueprint("container_registries", __name__, template_folder="templates")
    one = "/registries/<registry_id>"
    pages.add_url_rule("/registries", "index", index)
    pages.add_url_rule("/registries", "create", create, methods=["POST"])
    pages.add_url_rule(one, "detail", detail)
    pages.add_url_rule(one, "save", save, methods=["POST"])
    pages.add_url_rule(f"{one}/test", "test", test, methods=["POST"])
    pages.add_url_rule(f"{one}/delete", "delete", delete, methods=["POST"])
    return pages


def index() -> str:
    """All of the team, and the form for another one."""
    return _list(dict.fromkeys(FIELDS, ""), {})


def _list(values: dict[str, str], errors: dict[str, str]) -> str:
    ctx = context()
    return page(
        "container_registries/list.html",
        "Registries",
        live=False,
        registries=service.page(ctx, PageQuery(limit=MOST)).items,
        can_edit=service.may_change(ctx),
        values=values,
        errors=errors,
    )


def create() -> Any:
    """Add one; what was typed stays, but for the password."""
    values = _typed()
    body, errors = forms.parse(
        RegistryBody, {**values, "password": request.form.get("password", "")}
    )
    if body is None:
        return _list(values, errors), 400
    try:
        registry = service.create(context(), body)
    except ApplianceError as error:
        return _list(values, forms.whole(error)), status_of(error)
    return done(f"/registries/{registry.id}", f"The registry {registry.name} is added.")


def detail(registry_id: str) -> str:
    """One registry, to try and to change."""
    registry = service.get(context(), registry_id)
    return _detail(registry_id, {name: getattr(registry, name) for name in FIELDS}, {})


def _detail(
    registry_id: str, values: dict[str, str], errors: dict[str, str], tested: Tested | None = None
) -> str:
    registry = service.get(context(), registry_id)
    return page(
        "container_registries/detail.html",
        registry.name,
        crumbs=[("Registries", "/registries"), (registry.name, None)],
        live=False,
        registry=registry,
        can_edit=service.may_change(context()),
        values=values,
        errors=errors,
        tested=tested,
    )


def save(registry_id: str) -> Any:
    """Change it; an empty password leaves the old one."""
    service.get(context(), registry_id)
    values, password = _typed(), request.form.get("password", "")
    body, errors = forms.parse(RegistryChange, {**values, "password": password or None})
    if body is None:
        return _detail(registry_id, values, errors), 400
    try:
        service.update(context(), registry_id, body)
    except ApplianceError as error:
        return _detail(registry_id, values, forms.whole(error)), status_of(error)
    return done(f"/registries/{registry_id}", "Saved.")


def test(registry_id: str) -> str:
    """Sign in there and say how it went."""
    registry = service.get(context(), registry_id)
    tested = service.test(context(), registry_id)
    return _detail(registry_id, {name: getattr(registry, name) for name in FIELDS}, {}, tested)


def delete(registry_id: str) -> Any:
    """Forget it."""
    registry = service.delete(context(), registry_id)
    return done("/registries", f"The registry {registry.name} is removed.")


def _typed() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in FIELDS}
