"""`mycel-runtime chat`."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final

import click

from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option, speaker_options
from mycel_runtime.cli.terminal import show_message

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.cli.conversation import Conversation
    from mycel_runtime.wire.resources import Message

EXIT_UNSAID: Final = 64
"""A usage error's, as of `send`."""


@click.command(
    epilog=examples(
        "mycel-runtime chat --config agent.toml",
        "mycel-runtime chat --config agent.toml --token-file owner.token",
    )
)
@config_option
@speaker_options
@click.option(
    "--linger",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0, max=3600),
    help="Seconds to wait for the last answer after the end of input.",
)
@click.pass_context
def chat(
    ctx: click.Context, config: Path, token_file: Path | None, chat_id: str | None, linger: float
) -> None:
    """
    Talk to your agent from a terminal, as its owner.

    Each line is sent as a message; what others say is printed as it comes. End with Ctrl-D. Exit code 64 if a line
    could not be said, because it is no UTF-8 for example.
    """
    from mycel_runtime.cli.conversation import open_conversation

    conversation = open_conversation(config, token_file, chat_id)
    if sys.stdin.isatty():
        click.secho("Type a line to say it; Ctrl-D ends.", dim=True, err=True)
    screen = _Screen()
    newest = conversation.history(1)
    after_seq = newest[-1]["seq"] if newest else 0
    threading.Thread(
        target=_listen, args=(conversation, after_seq, screen), name="chat-listen", daemon=True
    ).start()
    unsaid = sum(not _say(conversation, screen, line) for line in sys.stdin.buffer)
    screen.wait_answered(linger)
    screen.require_heard()
    if unsaid:
        ctx.exit(EXIT_UNSAID)


def _say(conversation: Conversation, screen: _Screen, line: bytes) -> bool:
    """Say a line, if there is anything in it; one that cannot be said is told, and the next one may be."""
    if not line.strip():
        return True
    screen.expect()
    try:
        conversation.say(line.decode(errors="surrogateescape").strip())
    except click.UsageError as exc:
        click.echo(f"not said: {exc.format_message()}", err=True)
        screen.expect_no_more()
        return False
    return True


class _Screen:
    """What was printed, and whether everything said was answered."""

    def __init__(self) -> None:
        self._answered = threading.Condition()
        self._expected = 0
        self._error: Exception | None = None

    def expect(self) -> None:
        with self._answered:
            self._expected += 1

    def print(self, message: Message) -> None:
        show_message(message)
        self.expect_no_more()

    def expect_no_more(self) -> None:
        """One that was expected came, or never will."""
        with self._answered:
            self._expected = max(0, self._expected - 1)
            self._answered.notify_all()

    def fail(self, error: Exception) -> None:
        """The listener ended: nothing will be heard any more."""
        with self._answered:
            self._error = error
            self._answered.notify_all()

    def require_heard(self) -> None:
        """Raise what ended the listener, if anything did."""
        if self._error is not None:
            raise self._error

    def wait_answered(self, seconds: float) -> None:
        with self._answered:
            self._answered.wait_for(lambda: self._expected == 0 or self._error is not None, timeout=seconds)


def _listen(conversation: Conversation, after_seq: int, screen: _Screen) -> None:
    try:
        for message in conversation.heard_after(after_seq, seconds=None):
            screen.print(message)
    except Exception as exc:  # noqa: BLE001 - raised where the command ends, and not printed by a thread
        screen.fail(exc)
