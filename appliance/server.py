"""Commands of the machine itself: the processes, settings, first aid, and what plugins add for admins.

They work on the data directory, so they are root's. Imports inside functions are on purpose here: each command is a
process of its own, and its memory and its start pay for every module that is imported for another one.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import click

from appliance import config as config_module
from appliance.commands import admin_context, data_option, plugin_commands
from appliance.errors import ApplianceError

CONFIG_WAIT_S = 0.1


class Machine(click.Group):
    """The commands below, and those of plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_plugin_commands()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name) or _plugin_commands().get(cmd_name)
        return found or plugin_commands(sys.argv).get(cmd_name)


def _plugin_commands() -> dict[str, click.Command]:
    from appliance.plugins import loader

    return dict(loader.load().commands)


@click.group("admin", cls=Machine)
def admin() -> None:
    """Everything that works on this machine's data directory; for root."""


def start_options(command: Any) -> Any:
    """What both ways to start take: where the data are and where to listen."""
    for option in (
        click.argument("key", required=False),
        click.option("--tls", metavar="self|CERT KEY", help="Serve HTTPS."),
        click.option("--port", type=int, help="Port to listen on; 8080 if not given."),
        click.option("--host", help="Address to listen on; 127.0.0.1 if not given."),
        data_option,
    ):
        command = option(command)
    return command


@admin.command()
@start_options
@click.option("--stop", "stop_it", is_flag=True, help="Stop the services and everything that runs.")
def up(
    data: str | None,
    host: str | None,
    port: int | None,
    tls: str | None,
    stop_it: bool,
    key: str | None,
) -> None:
    """Start everything in the foreground (what scripts/up does after installing)."""
    from appliance.runtime import start
    from appliance.runtime import up as up_module

    directory = config_module.data_dir(data)
    if stop_it:
        up_module.stop(directory, start.stop_all)
        return
    options = up_module.Options(directory, host, port, _tls(tls, key))
    up_module.up(options, start.PARTS, program=start.program())


@admin.command()
@start_options
@click.option(
    "--units",
    metavar="DIR",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The templates of the units: the checkout's folder systemd.",
)
def install(
    data: str | None,
    host: str | None,
    port: int | None,
    tls: str | None,
    key: str | None,
    units: Path,
) -> None:
    """Start everything as services of systemd (what scripts/install does after installing)."""
    from appliance.runtime import service, start
    from appliance.runtime import up as up_module

    options = up_module.Options(config_module.data_dir(data), host, port, _tls(tls, key))
    service.install(options, start.PARTS, start.program(), units)


def _tls(tls: str | None, key: str | None) -> tuple[str, ...] | None:
    return None if tls is None else tuple(text for text in (tls, key) if text)


@admin.command()
@data_option
def doctor(data: str | None) -> None:
    """Check this host; each problem with its cure. Ends with status 1 when something essential fails."""
    from appliance.runtime import doctor as doctor_module

    directory = config_module.data_dir(data)
    try:
        config = config_module.load(directory)
    except ApplianceError:
        config = config_module.fresh(directory, [])
    results = doctor_module.checks(config)
    for check in results:
        mark = "ok  " if check.ok else "FAIL" if check.essential else "warn"
        click.echo(
            f"{mark}  {check.name}: {check.detail}" + ("" if check.ok else f"\n      {check.cure}")
        )
    sys.exit(1 if doctor_module.failed(results) else 0)


@admin.group("settings")
def settings_group() -> None:
    """Live settings: what an admin changes while everything runs."""


@settings_group.command("list")
@data_option
def list_settings(data: str | None) -> None:
    """Every setting with its value and what it is for."""
    from appliance import settings

    ctx = admin_context(data)
    for setting in ctx.registry.settings.values():
        value = "***" if setting.secret else settings.get(ctx.db, setting)
        click.echo(f"{setting.key} = {value}\t{setting.help}")


@settings_group.command("set")
@click.argument("key")
@click.argument("value")
@data_option
def set_setting(key: str, value: str, data: str | None) -> None:
    """Change the setting KEY to VALUE; it holds at once."""
    from appliance import settings
    from appliance.db import write

    ctx = admin_context(data)
    setting = ctx.registry.settings.get(key)
    if setting is None:
        raise click.ClickException(
            f"there is no setting {key}: see `appliance admin settings list`"
        )
    with write(ctx.db) as db:
        settings.put(db, setting, value, ctx.keys)
    click.echo(f"{key} = {'***' if setting.secret else settings.get(ctx.db, setting)}")


@admin.command()
@data_option
def supervisor(data: str | None) -> None:
    """Run the supervisor (as root)."""
    from appliance.runtime import supervise

    _log_to_stderr()
    supervise.main(_boot(data))


@admin.command()
@data_option
def worker(data: str | None) -> None:
    """Run the worker."""
    from appliance import boot
    from appliance.runtime import worker as worker_module

    _log_to_stderr()
    stamp = _plugins_stamp(data)
    appliance = boot.start_with_plugins(config_module.data_dir(data), lambda made: made)
    worker_module.main(appliance, stamp)


@admin.command()
@data_option
def web(data: str | None) -> None:
    """Run the web pages and the API."""
    from appliance.app import create_web
    from appliance.web.serve import Server, ends_when_renewed, options

    _log_to_stderr()
    directory = config_module.data_dir(data)
    paths = config_module.load(directory).paths
    served = options(
        paths.http / "web.sock", paths.http, worker_class="gthread", workers=2, threads=8, timeout=60,
        **ends_when_renewed(paths),
    )  # fmt: skip
    Server(lambda: create_web(directory), served).run()


@admin.command()
@data_option
def stream(data: str | None) -> None:
    """Run the open connections of pages."""
    from gevent import monkey

    monkey.patch_all()
    from appliance import boot
    from appliance.web.serve import Server, ends_when_renewed, options
    from appliance.web.stream import create_stream

    _log_to_stderr()
    _allow_many_files()
    directory = config_module.data_dir(data)
    paths = config_module.load(directory).paths
    served = options(
        paths.http / "stream.sock", paths.http, worker_class="gevent", workers=1, worker_connections=5000,
        **ends_when_renewed(paths),
    )  # fmt: skip
    made = boot.start_with_plugins(directory, create_stream)
    Server(lambda: made, served).run()


@admin.command()
@data_option
def proxy(data: str | None) -> None:
    """Run nginx, as soon as the supervisor has written its configuration."""
    from appliance.runtime import proxy as proxy_module

    config = config_module.load(config_module.data_dir(data))
    conf = config.paths.nginx / "nginx.conf"
    while not conf.exists():
        time.sleep(CONFIG_WAIT_S)
    proxy_module.end_leftovers(config)
    _allow_many_files()
    argv = proxy_module.run_argv(config)
    os.execvp(argv[0], argv)


def _allow_many_files() -> None:
    """As many open files as the host allows; a shell's usual 1024 is little for a gateway."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _boot(data: str | None) -> Any:
    from appliance import boot

    return boot.boot(config_module.data_dir(data))


def _plugins_stamp(data: str | None) -> int:
    from appliance.runtime import renew

    return renew.stamp(config_module.load(config_module.data_dir(data)).paths)


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
