"""`appliance teams …`"""

from __future__ import annotations

import click

from appliance import identity
from appliance.commands import admin_context, data_option
from plugins_builtin.teams import service


@click.group()
def teams() -> None:
    """Teams of this appliance."""


@teams.command()
@click.argument("namespace")
@click.option("--name", help="What people read; the namespace if not given.")
@data_option
def add(namespace: str, name: str | None, data: str | None) -> None:
    """Add a team. NAMESPACE: lower-case letters, digits, single hyphens."""
    team = service.ensure_team(admin_context(data), namespace, name or namespace)
    click.echo(f"team {team.namespace} ({team.id})")


@teams.command("list")
@data_option
def list_teams(data: str | None) -> None:
    """All teams with their members."""
    ctx = admin_context(data)
    for team in identity.teams(ctx.db):
        names = ", ".join(f"{m.user.handle} ({m.role})" for m in identity.members(ctx.db, team.id))
        click.echo(f"{team.namespace}\t{team.id}\t{names or 'no members'}")


@teams.command()
@click.argument("namespace")
@click.argument("user")
@click.option(
    "--role", type=click.Choice(list(identity.ROLES)), default="member", show_default=True
)
@data_option
def join(namespace: str, user: str, role: identity.Role, data: str | None) -> None:
    """Put USER into the team NAMESPACE, or change the role."""
    ctx = admin_context(data)
    team = service.team_named(ctx, namespace)
    found = identity.user_by_handle(ctx.db, user)
    if found is None:
        raise click.ClickException(
            f"there is no user {user}: add one with `appliance users add {user}`"
        )
    service.set_role(ctx, team.id, found.id, role)
    click.echo(f"{user} is {role} of {namespace}")


@teams.command()
@click.argument("namespace")
@click.argument("user")
@data_option
def leave(namespace: str, user: str, data: str | None) -> None:
    """Take USER out of the team NAMESPACE."""
    ctx = admin_context(data)
    team = service.team_named(ctx, namespace)
    found = identity.user_by_handle(ctx.db, user)
    if found is None:
        raise click.ClickException(f"there is no user {user}")
    service.remove_member(ctx, team.id, found.id)
    click.echo(f"{user} has left {namespace}")
