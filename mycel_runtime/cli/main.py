"""The command group, and the streams that the process was given."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

if not TYPE_CHECKING:
    # The module that has it before Python 3.12 would be a tenth of the whole process.
    def override(method: Any) -> Any:
        """As of `typing`."""
        return method

else:
    from typing_extensions import override

EXIT_INTERRUPTED: Final = 130

_STANDARD_DESCRIPTORS: Final = (0, 1, 2)

COMMANDS: Final = {
    "init": "From nothing to an agent that has answered.",
    "login": "Become an owner of agents on a backend.",
    "logout": "Forget an owner, and the token that login has kept.",
    "agent": "Make agents as their owner, and list them.",
    "token": "Give an agent the token that it is to speak with.",
    "run": "Keep an agent present until a signal ends it.",
    "worker": "Run handlers of agents that listen elsewhere, and share a database.",
    "chat": "Talk to your agent from a terminal, as its owner.",
    "send": "Say one thing to your agent, as its owner.",
    "read": "Print the conversation with your agent.",
    "check": "Look at an agent's whole set-up, and tell each mistake with its fix.",
    "status": "Ask the running daemon how it is.",
    "tail": "Follow what happens in the running daemon.",
    "work": "Look at what waits and runs; let it be tried at once, or skip it.",
    "dump": "Show what the running daemon does right now, and where it waits.",
    "dead": "Look at work that was given up; try it again, or drop it.",
    "outbox": "Look at sends whose outcome nobody knows; settle them.",
    "store": "Look at what plugins remember; print it, or clear it.",
    "backup": "Copy an agent's journal into a file, checked, while it runs.",
    "restore": "Put a backup in the place of an agent's journal.",
    "engine": "Look after the database that keeps agents' journals.",
    "replay": "Run logged turns through changed code, and show what it would do.",
    "pause": "Let the agent, a chat or a plugin rest; nothing is lost.",
    "resume": "Let go on what was paused, held or left alone.",
    "drain": "Let an agent do what is due, take nothing new, and end.",
    "reload": "Let a running agent read its file again.",
    "mcp": "Mycel as tools, for any client of the Model Context Protocol.",
    "plugins": "List the plugins that there are, or begin one of your own.",
    "backend": "A local Mycel backend, for development.",
    "unit": "Print a systemd unit that runs the agent of a configuration.",
    "completion": "Print what lets a shell complete commands, options and names.",
    "man": "Print the manual page.",
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
    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click's, and no command's module is imported for it."""
        from click.shell_completion import CompletionItem

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=COMMANDS[name]) for name in names]

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Keep an external agent present on Mycel, day and night."""


def main() -> NoReturn:
    """Run the command line and exit with its code (design section 6)."""
    _occupy_standard_descriptors()
    ending = _Ending()
    # First of all, and so asked last: what others have registered is done before.
    atexit.register(ending.leave_threads)
    code = ending.note(_run())
    _drain_output()
    if _is_held():
        os._exit(code)
    sys.exit(code)


class _Ending:
    """
    How the process ends while threads go on that nobody waits for, a plugin's perhaps, or one that resolves a name.

    The interpreter would end each of them in the midst of what it calls, and if that is written in Rust, as
    pydantic's validators are, the whole process aborts: who had it ended would take that for a crash, and start it
    again.
    """

    def __init__(self) -> None:
        self._code = 0

    def note(self, code: int) -> int:
        """Keep the exit code, and give it back."""
        self._code = code
        return code

    def leave_threads(self) -> None:
        """End here, before the interpreter is wound up, if there is any such thread."""
        if threading.active_count() > 1:
            _drain_output()
            os._exit(self._code)


def _occupy_standard_descriptors() -> None:
    """
    Put `/dev/null` where standard input, output or error are closed.

    Else the next file that is opened, the journal perhaps, would be what others print to.
    """
    for descriptor in _STANDARD_DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        # Python has looked before: what reads it, or asks there, is to find that it has ended.
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the process lives


def _drain_output() -> None:
    """What cannot be written any more is lost, and changes no exit code."""
    if output := sys.modules.get("mycel_runtime.observe.output"):  # not imported: only `run` pays for it
        output.drain_output()
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            # The interpreter flushes once more, and would end with a code of its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_held() -> bool:
    """Whether a plugin has left threads or tasks that the interpreter would wait for, perhaps for ever."""
    leftovers = sys.modules.get("mycel_runtime.daemon.leftovers")  # not imported: only `run` pays for it
    has_threads = any(
        not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate()
    )
    return has_threads or (leftovers is not None and leftovers.has_left_tasks())


def _run() -> int:
    try:
        return int(cli.main(standalone_mode=False) or 0)
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - everything is answered there
        from mycel_runtime.cli.failure import answer

        return answer(exc)
