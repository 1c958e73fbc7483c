"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_WORKER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def config_option(function: F) -> F:
    """`--config FILE` or `--config UNIT`: the agent's settings."""
    return _config_option("The agent's TOML file, or its unit.", callback=_of_unit)(function)


def configs_option(function: F) -> F:
    """`--config FILE`, `--config FOLDER` or `--config UNIT`: of one agent or of several."""
    return _config_option("The agent's TOML file, a folder of them, or a unit.", callback=_of_unit)(function)


def new_config_option(function: F) -> F:
    """`--config FILE`, which need not be there yet."""
    return _config_option("The agent's TOML file.")(function)


def _config_option(text: str, **more: Any) -> Callable[[F], F]:
    return click.option(
        "--config",
        "-c",
        type=click.Path(path_type=Path),
        default=Path("agent.toml"),
        show_default=True,
        help=text,
        **more,
    )


def checked_worker(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """The name of a worker, which is a folder's."""
    if value is not None and not _WORKER.fullmatch(value):
        raise click.BadParameter("letters, digits, and . _ - behind the first one; 40 at most")
    return value


def _of_unit(_ctx: click.Context, _parameter: click.Parameter, value: Path) -> Path:
    """A name that is no file's is a unit's; only then what knows of units is loaded."""
    if value.suffix == ".toml" or value.parent != Path() or value.exists():
        return value
    from mycel_runtime.cli.target import config_of

    return config_of(str(value))


def stopped_options(function: F) -> F:
    """`--chat` or `--plugin`: what rests, or is to rest, if it is not the agent."""
    chat = click.option("--chat", "chat_id", metavar="ID", help="This chat only.")
    plugin = click.option(
        "--plugin",
        metavar="NAME",
        help="This plugin only.",
        callback=_one_of_both,
        shell_complete=complete_plugin,
    )
    return chat(plugin(function))


def _one_of_both(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and ctx.params.get("chat_id"):
        raise click.UsageError("--chat and --plugin: name one of them")
    return value


def complete_plugin(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of the plugins that the file of the command line has; none if it cannot be read."""
    import tomllib

    try:
        tables = tomllib.loads(Path(ctx.params.get("config") or "agent.toml").read_text(encoding="utf-8-sig"))
        names = list(tables.get("plugins", {}))
    except (OSError, ValueError, AttributeError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def speaker_options(function: F) -> F:
    """`--token-file` and `--chat`: who speaks where, when the backend is not an embedded one."""
    token_file = click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        help="The owner's token, mode 0600. Not needed with an embedded backend.",
    )
    chat = click.option("--chat", "chat_id", help="Another chat than the direct one with the agent.")
    return token_file(chat(function))
