"""`mycel-runtime chat`."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import click

from mycel_runtime.cli.options import config_option, speaker_options

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.cli.conversation import Conversation
    from mycel_runtime.wire.resources import Message


@click.command()
@config_option
@speaker_options
@click.option(
    "--linger",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0, max=3600),
    help="Seconds to wait for the last answer after the end of input.",
)
def chat(config: Path, token_file: Path | None, chat_id: str | None, linger: float) -> None:
    """
    Talk to your agent from a terminal, as its owner.

    Each line is sent as a message; what others say is printed as it comes. End with Ctrl-D.
    """
    from mycel_runtime.cli.conversation import open_conversation

    conversation = open_conversation(config, token_file, chat_id)
    stdin = sys.stdin
    if stdin.isatty():
        click.secho("Type a line to say it; Ctrl-D ends.", dim=True, err=True)
    screen = _Screen()
    listener = threading.Thread(target=_listen, args=(conversation, screen), name="chat-listen", daemon=True)
    listener.start()
    for line in stdin:
        if text := line.strip():
            screen.expect()
            conversation.say(text)
    screen.wait_answered(linger)


class _Screen:
    """What was printed, and whether everything said was answered."""

    def __init__(self) -> None:
        self._answered = threading.Condition()
        self._expected = 0

    def expect(self) -> None:
        with self._answered:
            self._expected += 1

    def print(self, message: Message) -> None:
        click.echo(f"{message.get('sender_name') or message['sender_id']}> {message['content']}")
        with self._answered:
            self._expected = max(0, self._expected - 1)
            self._answered.notify_all()

    def wait_answered(self, seconds: float) -> None:
        with self._answered:
            self._answered.wait_for(lambda: self._expected == 0, timeout=seconds)


def _listen(conversation: Conversation, screen: _Screen) -> None:
    newest = conversation.history(1)
    for message in conversation.heard_after(newest[-1]["seq"] if newest else 0, seconds=None):
        screen.print(message)
