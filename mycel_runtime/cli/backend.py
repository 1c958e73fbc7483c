"""`mycel-runtime backend`: the local backend as a process, and its owner's tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from mycel_runtime.cli.examples import examples

if TYPE_CHECKING:
    from mycel_runtime.backend.server import BackendOptions

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@click.group(
    invoke_without_command=True, epilog=examples("mycel-runtime backend --port 8042 --database mycel.sqlite3")
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8042, show_default=True, help="Port; 0 for any free one.")
@click.option(
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file; without it all is in memory.",
)
@click.option("--generation", type=click.Choice(["a", "b1", "b2", "b"]), default="b", show_default=True)
@click.option("--profile", type=click.Choice(["full", "communication"]), default="full", show_default=True)
@click.option("--without", multiple=True, metavar="QUIRK", help="Switch a quirk off; see `quirks`.")
@click.option(
    "--control",
    type=click.Path(path_type=Path),
    help="Control socket, or a folder for it; default: per port.",
)
@click.pass_context
def backend(
    ctx: click.Context,
    host: str,
    port: int,
    database: Path | None,
    generation: Literal["a", "b1", "b2", "b"],
    profile: Literal["full", "communication"],
    without: tuple[str, ...],
    control: Path | None,
) -> None:
    """A local Mycel backend, for development."""
    from mycel_runtime.backend.control import default_folder, socket_path

    folder = control or default_folder()
    if ctx.invoked_subcommand is not None:
        ctx.obj = socket_path(folder, port)
        return
    from mycel_runtime.backend.server import BackendOptions

    if control is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = BackendOptions(
        host=host,
        port=port,
        database=database,
        generation=generation,
        profile=profile,
        quirks=_quirks(without),
        control_socket=folder,
    )
    _warn(host)
    _serve(options)


@backend.command(epilog=examples("mycel-runtime backend fault lose-answer nth=2"))
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.pass_obj
def fault(path: Path, name: str, arguments: tuple[str, ...]) -> None:
    """Let something go wrong, for example `lose-answer nth=2`."""
    parsed = _parse(arguments)
    if "name" in parsed:
        raise click.UsageError("name=: the fault's own name stands before its arguments")
    _ask(path, "fault", name=name.replace("-", "_"), **parsed)


@backend.command(epilog=examples("mycel-runtime backend script faults.jsonl"))
@click.argument("file", type=click.File())
@click.pass_obj
def script(path: Path, file: Any) -> None:
    """Play a script of faults: lines of {"at": seconds, "fault": name, …}."""
    _ask(path, "script", text=file.read(), where=file.name)


@backend.command(epilog=examples("mycel-runtime backend users"))
@click.pass_obj
def users(path: Path) -> None:
    """Show everybody."""
    _ask(path, "users")


@backend.command(epilog=examples("mycel-runtime backend --port 8043 chats"))
@click.pass_obj
def chats(path: Path) -> None:
    """Show every chat, and how far each member has read."""
    _ask(path, "chats")


@backend.command(epilog=examples("mycel-runtime backend messages CHAT_ID --last 5"))
@click.argument("chat_id")
@click.option("--last", default=20, show_default=True)
@click.pass_obj
def messages(path: Path, chat_id: str, last: int) -> None:
    """Show the newest messages of a chat."""
    _ask(path, "messages", chat_id=chat_id, limit=last)


@backend.command(epilog=examples("mycel-runtime backend inboxes"))
@click.pass_obj
def inboxes(path: Path) -> None:
    """Show what waits for whom, and who listens."""
    _ask(path, "inboxes")


@backend.command(epilog=examples("mycel-runtime backend say USER_ID CHAT_ID hello"))
@click.argument("user_id")
@click.argument("chat_id")
@click.argument("content")
@click.option(
    "--type", "message_type", default="human", show_default=True, help="`ai` for a managed agent's."
)
@click.option("--signal", type=click.Choice(["open", "yield", "close"]), help="What a managed agent signals.")
@click.pass_obj
def say(path: Path, user_id: str, chat_id: str, content: str, message_type: str, signal: str | None) -> None:
    """Say something as anyone."""
    said = {"user_id": user_id, "chat_id": chat_id, "content": content}
    _ask(path, "say", **said, message_type=message_type, signal=signal)


@backend.command(epilog=examples("mycel-runtime backend token USER_ID"))
@click.argument("user_id")
@click.pass_obj
def token(path: Path, user_id: str) -> None:
    """Print a token of anyone."""
    _ask(path, "token", user_id=user_id)


@backend.command("add-user", epilog=examples("mycel-runtime backend add-user owner@example.org"))
@click.argument("email")
@click.password_option()
@click.pass_obj
def add_user(path: Path, email: str, password: str) -> None:
    """Make a human who can log in."""
    _ask(path, "add_user", email=email, password=password)


@backend.command(epilog=examples("mycel-runtime backend invite"))
@click.pass_obj
def invite(path: Path) -> None:
    """Print an invite code, good for one registration."""
    _ask(path, "invite")


@backend.command(epilog=examples("mycel-runtime backend contact SOURCE TARGET --muted"))
@click.argument("source")
@click.argument("target")
@click.option("--blocked", is_flag=True)
@click.option("--muted", is_flag=True)
@click.pass_obj
def contact(path: Path, source: str, target: str, *, blocked: bool, muted: bool) -> None:
    """Let SOURCE take what TARGET says, quietly, or not at all."""
    _ask(path, "contact", source=source, target=target, blocked=blocked, muted=muted)


@backend.command(epilog=examples("mycel-runtime backend quirks"))
def quirks() -> None:
    """Show what the real server does that a kinder one would not; each can be switched off."""
    from mycel_runtime.backend.quirks import table

    for quirk in table():
        click.echo(f"{quirk.number:<4} {quirk.name}\n     on:  {quirk.on}\n     off: {quirk.off}")


def _quirks(without: tuple[str, ...]) -> Any:
    from mycel_runtime.backend.quirks import Quirks, table
    from mycel_runtime.errors import ConfigError

    names = [name.replace("-", "_") for name in without]
    unknown = set(names) - {quirk.name for quirk in table()}
    if unknown:
        raise ConfigError(
            f"no such quirk: {', '.join(sorted(unknown))}", fix="See `mycel-runtime backend quirks`."
        )
    return Quirks(**dict.fromkeys(names, False))


def _warn(host: str) -> None:
    click.echo("A backend for development: no rate limits, no backups, plain HTTP.", err=True)
    if host not in LOOPBACK:
        click.echo(f"warning: {host} is not loopback: others can reach this backend.", err=True)


def _ask(path: Path, verb: str, /, **arguments: Any) -> None:
    """Give an order to the running backend, and print what comes of it as JSON."""
    from mycel_runtime.backend.control import ask

    result = ask(path, verb, **arguments)
    if result is not None:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))


def _parse(arguments: tuple[str, ...]) -> dict[str, Any]:
    """`key=value`, where a value that is JSON is taken as such."""
    parsed = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise click.UsageError(f"{argument}: not of the form key=value")
        try:
            parsed[key.replace("-", "_")] = json.loads(value)
        except ValueError:
            parsed[key.replace("-", "_")] = value
    return parsed


def _serve(options: BackendOptions) -> None:
    """Until SIGINT or SIGTERM."""
    import asyncio
    import signal

    from mycel_runtime.backend.server import serve

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await serve(
            options,
            started=lambda url: click.echo(f"listening on {url}"),
            stop=stop,
            mailed=lambda email, code: click.echo(f"one-time password for {email}: {code}", err=True),
        )

    asyncio.run(run())
