"""The command group, and what the process answers when something goes wrong."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Final, NoReturn

import click
from typing_extensions import override

from mycel_runtime.errors import MycelError, TransportError

EXIT_USAGE: Final = 64
EXIT_INTERNAL: Final = 70
EXIT_INTERRUPTED: Final = 130

COMMANDS: Final = {
    "run": "Keep an agent present until a signal ends it.",
    "chat": "Talk to your agent from a terminal, as its owner.",
    "send": "Say one thing to your agent, as its owner.",
    "read": "Print the conversation with your agent.",
    "status": "Ask the running daemon how it is.",
    "dead": "Look at work that was given up; try it again, or drop it.",
    "outbox": "Look at sends whose outcome nobody knows; settle them.",
    "resume": "Let a held chat speak again, or a plugin that was left alone run.",
    "backend": "A local Mycel backend, for development.",
    "version": "Print the version.",
}
"""Name and help of each command; `cli/NAME.py` defines it under the same name."""


class LazyGroup(click.Group):
    """Imports a command's module when the command is used, not when it is listed."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"mycel_runtime.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Keep an external agent present on Mycel, day and night."""


def main() -> NoReturn:
    """Run the command line and exit with its code (design section 6)."""
    code = _run()
    if _is_held():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _is_held() -> bool:
    """Whether a plugin has left threads or tasks that the interpreter would wait for, perhaps for ever."""
    process = sys.modules.get("mycel_runtime.daemon.process")  # not imported: only `run` pays for it
    has_threads = any(
        not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate()
    )
    return has_threads or (process is not None and process.has_left_tasks())


def _run() -> int:
    try:
        return int(cli.main(standalone_mode=False) or 0)
    except click.ClickException as exc:
        exc.show()
        return EXIT_USAGE
    except TransportError as exc:
        click.echo(f"error: the backend does not answer: {exc.detail}", err=True)
        click.echo(
            "  Start it, or mend [agent] base_url. An embedded backend lives in: mycel-runtime run", err=True
        )
        return exc.exit_code
    except MycelError as exc:
        click.echo(f"error: {exc}", err=True)
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - a bug of ours: told without values, which may be messages
        _tell_bug(exc)
        return EXIT_INTERNAL


def _tell_bug(exc: Exception) -> None:
    click.echo(f"error: internal error: {type(exc).__name__}; please report it with these lines:", err=True)
    for frame in traceback.extract_tb(exc.__traceback__):
        click.echo(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}", err=True)
