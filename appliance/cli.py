"""The `appliance` program: what the API can do as commands, signing in, and the machine's own commands.

Imports inside functions are on purpose here: a command starts at once because it loads what it needs and nothing else;
the server's part of the package, which may not be installed, only when one of its commands is called.

Exit status: 0 done, 1 the appliance said no or failed, 2 wrong usage, 3 not signed in, 4 no answer, 130 Ctrl-C.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from appliance import __version__
from appliance.client import store, tree
from appliance.client.document import Document, Operation, Words
from appliance.errors import ApplianceError, Unauthenticated, Unavailable

PASSWORD = "APPLIANCE_PASSWORD"
TYPED = "appliance.typed"  # in a context's meta: what was typed, to read it again
ASK_S = 5.0
FAILED, NOT_SIGNED_IN, NO_ANSWER, INTERRUPTED = 1, 3, 4, 130
# The processes, and what root does here: name -> what it is for. They stand in server.py.
MACHINE = {
    "admin": "Everything that works on this machine's data directory; for root.",
    "doctor": "Check this host; each problem with its cure.",
    "install": "Start everything as services of systemd.",
    "up": "Start everything in the foreground.",
    "supervisor": "",
    "worker": "",
    "web": "",
    "stream": "",
    "proxy": "",
}


class Program(click.Group):
    """Own commands, then those of the document, then those of the machine.

    Errors of the domain are one line with the next step. A document that is out of date is no reason for "no such
    command": before that is said, the server is asked for its newest.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        extra.setdefault("obj", store.known_document())
        return super().main(*args, **extra)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        typed = tuple(args)
        for word in typed:
            if not word.isascii() and word.encode(errors="replace").decode() != word:
                raise click.UsageError(f"{word!r} is not UTF-8")
        made = super().make_context(info_name, args, parent, **extra)
        made.meta[TYPED] = typed
        return made

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NoArgsIsHelpError:
            raise
        except click.UsageError:
            newer = _newer_document(ctx)
            if newer is None:
                raise
        except ApplianceError as error:
            _fail(ctx, error)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        with self.make_context(ctx.info_name, list(ctx.meta[TYPED]), obj=newer) as again:
            return self.invoke(again)

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = {*super().list_commands(ctx), *_document(ctx).below(())}
        if _has_server():
            names |= {*MACHINE, *store.bundled_admin()}
        return sorted(names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        local = cmd_name in store.bundled_admin() and _has_server()
        return (
            super().get_command(ctx, cmd_name)
            or tree.command(_document(ctx), (cmd_name,), _run, elsewhere, local)
            or elsewhere((cmd_name,))
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """By where they work, without loading the server's part."""
        own = {name: one.get_short_help_str(80) for name, one in self.commands.items()}
        document = _document(ctx)
        sections = {
            "The appliance": {word: document.title((word,)) for word in document.below(())},
            "Signing in and help": own,
        }
        if _has_server():
            machine = {name: text for name, text in MACHINE.items() if text}
            sections["This machine, as root"] = {**store.bundled_admin(), **machine}
        for title, lines in sections.items():
            with formatter.section(title):
                formatter.write_dl(sorted(lines.items()))


def _document(ctx: click.Context) -> Document:
    found: Document = ctx.find_root().obj
    return found


def _run(operation: Operation, values: dict[str, Any], asked: dict[str, Any]) -> None:
    from appliance.client import running

    if asked.get("wait") or asked.get("watch"):
        from appliance.client import watching

        watching.run(operation, values, asked)
    else:
        running.run(operation, values, asked)


def elsewhere(words: Words) -> click.Command | None:
    """A command of this machine; None when there is none of that name. With plugins, so it may take a second."""
    if not _has_server():
        if words[0] in MACHINE or words[0] in store.bundled_admin():
            raise click.ClickException(
                f"`{words[0]}` runs on the appliance's own machine; here is the client alone"
            )
        return None
    from appliance import server

    context = click.Context(server.admin)
    found: click.Command | None = server.admin if words == ("admin",) else None
    if found is None:
        found = server.admin.get_command(context, words[0])
    for word in words[1:]:
        found = found.get_command(context, word) if isinstance(found, click.Group) else None
    return found


def _has_server() -> bool:
    return all(importlib.util.find_spec(name) for name in ("flask", "pluggy", "pydantic"))


def _newer_document(ctx: click.Context) -> Document | None:
    """The server's document, if it is another one than was used; None also when the server does not answer."""
    from appliance.client.sdk import Client

    try:
        with Client(timeout_s=ASK_S) as client:
            client.refresh()
            return client.document if client.document.version != _document(ctx).version else None
    except ApplianceError:
        return None


def _fail(ctx: click.Context, error: ApplianceError) -> None:
    click.echo(f"appliance: {' '.join(str(error).split())}", err=True)
    statuses = {Unauthenticated: NOT_SIGNED_IN, Unavailable: NO_ANSWER}
    ctx.exit(next((code for kind, code in statuses.items() if isinstance(error, kind)), FAILED))


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def program() -> None:
    """One GPU server as a research lab's own Gradient."""


@program.command()
@click.argument("url")
@click.option("--user", help="Who signs in; asked for if not given.")
@click.option(
    "--password", metavar="TEXT|-|@FILE", help="APPLIANCE_PASSWORD or asked for if not given; `-` reads a line of"
    " standard input, `@FILE` a file."
)  # fmt: skip
@click.option("--team", help="Namespace of the team to work in; your first if not given.")
@click.option("--key-name", help="What the new key is called on your profile page.")
@click.option(
    "--key",
    metavar="TEXT|-|@FILE",
    help="Use this API key instead of making one; from elsewhere as a password.",
)
@click.option("--print-key", is_flag=True, help="Print the key, alone on a line.")
def login(
    url: str,
    user: str | None,
    password: str | None,
    team: str | None,
    key_name: str | None,
    key: str | None,
    print_key: bool,
) -> None:
    """Sign in at the appliance at URL; the key is kept for the next commands."""
    from appliance.client import signin, unseen

    if key:
        found = signin.keep(url, unseen.value(key, "Key") or "")
    else:
        user = user or click.prompt("User", err=True)
        password = unseen.value(password, "Password") if password else os.environ.get(PASSWORD)
        password = password or click.prompt("Password", hide_input=True, err=True)
        found = signin.sign_in(url, user, password, team, key_name)
    click.echo(found.key if print_key else f"signed in at {found.url}")


@program.command()
def logout() -> None:
    """Forget the key on this machine, and delete it at the appliance."""
    from appliance.client import signin

    click.echo(signin.sign_out())


@program.command()
@click.option("--json", "as_json", is_flag=True, help="What the server answered, for programs.")
def whoami(as_json: bool) -> None:
    """Who you are, in which team, and where."""
    from appliance.client import signin

    signin.whoami(as_json)


@program.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete words.

    For bash: eval "$(appliance completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None, "click knows these three"
    click.echo(found(program, {}, "appliance", "_APPLIANCE_COMPLETE").source())


def main() -> None:
    """Entry point."""
    sys.exit(program(prog_name="appliance"))


if __name__ == "__main__":
    main()
