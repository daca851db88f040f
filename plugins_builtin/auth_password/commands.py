"""`appliance users …`"""

from __future__ import annotations

import click

from appliance import identity
from appliance.commands import admin_context, data_option
from plugins_builtin.auth_password import service
from plugins_builtin.teams import service as teams


@click.group()
def users() -> None:
    """Users of this appliance."""


@users.command()
@click.argument("name")
@click.option("--email", default="", help="Address; NAME@localhost.localdomain if not given.")
@click.option("--team", default="lab", show_default=True, help="Namespace of the team to join.")
@click.option(
    "--role", type=click.Choice(list(identity.ROLES)), default="member", show_default=True
)
@click.option("--admin", is_flag=True, help="May administer the appliance.")
@data_option
def add(
    name: str, email: str, team: str, role: identity.Role, admin: bool, data: str | None
) -> None:
    """Add a user and print a password, once."""
    ctx = admin_context(data)
    found = teams.team_named(ctx, team)
    _, password = service.add_user(
        ctx, name, email or f"{name}@localhost.localdomain", admin, found, role
    )
    click.echo(f"user: {name}   password: {password}")


@users.command()
@click.argument("name")
@data_option
def reset(name: str, data: str | None) -> None:
    """Give a user a new password, print it once, and sign the user out everywhere."""
    ctx = admin_context(data)
    user = identity.user_by_handle(ctx.db, name)
    if user is None:
        raise click.ClickException(f"there is no user {name}")
    password = service.fresh_password()
    service.set_password(ctx, user, password)
    click.echo(f"user: {name}   password: {password}")


@users.command("list")
@data_option
def list_users(data: str | None) -> None:
    """All users with their teams."""
    ctx = admin_context(data)
    for user in identity.users(ctx.db):
        names = ", ".join(team.namespace for team in identity.teams_of(ctx.db, user.id))
        flags = " admin" * user.is_admin + " disabled" * user.disabled
        click.echo(f"{user.handle}\t{user.email}\t{names}{flags}")


@users.command()
@click.argument("name")
@data_option
def disable(name: str, data: str | None) -> None:
    """Shut a user out; nothing of theirs is deleted."""
    ctx = admin_context(data)
    user = identity.user_by_handle(ctx.db, name)
    if user is None:
        raise click.ClickException(f"there is no user {name}")
    teams.disable_user(ctx, user.id, True)
    click.echo(f"{name} is shut out")
