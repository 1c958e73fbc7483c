"""What others said, on a terminal: their words, and nothing that steers it."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from mycel_runtime.wire.resources import Message

_PLAIN_CONTROLS: Final = frozenset("\t\n")


def show_message(message: Message) -> None:
    """Print who said what."""
    show(f"{message.get('sender_name') or message['sender_id']}> {message['content']}")


def show(text: str) -> None:
    """Print a stranger's text: unchanged for a program, without control characters for a terminal."""
    click.echo(visible(text) if sys.stdout.isatty() else text)


def confirm(question: str) -> None:
    """
    Ask whether to go on, of a command that has `--yes`.

    Raises:
        UsageError: Nobody is there to answer: standard input has ended.
        Abort: The answer is no, or Ctrl-C.
    """
    try:
        is_sure = click.confirm(question)
    except click.Abort as exc:
        if not isinstance(exc.__context__, EOFError):
            raise
        click.echo(err=True)
        raise click.UsageError("nobody is there to answer; if you are sure, add --yes") from None
    if not is_sure:
        raise click.Abort


def visible(text: str) -> str:
    """The text with control characters as escapes, but for tab and newline."""
    return "".join(
        f"\\x{ord(character):02x}"
        if unicodedata.category(character) == "Cc" and character not in _PLAIN_CONTROLS
        else character
        for character in text
    )
