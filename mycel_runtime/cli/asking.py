"""Whoever runs a command of the set-up: at a terminal, where he is asked; or a script, which has said all."""

from __future__ import annotations

import os
import stat
import sys
from typing import IO, TYPE_CHECKING, Any, Final

import click
from typing_extensions import override

from mycel_runtime.cli.terminal import visible
from mycel_runtime.errors import ArgumentError, ConfigError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.setup.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mycel_runtime.setup.questions import Question

_LONGEST_LINE: Final = 64 * 1024


@dataclass(slots=True)
class Script(Person):
    """
    Nobody to ask: what has no default must have been given.

    Attributes:
        code: Reads the one-time code, once it is needed; `None`: it was not said where from.
    """

    code: Callable[[], str] | None = None

    @property
    @override
    def is_there(self) -> bool:
        return False

    @override
    def ask(self, question: Question) -> str:
        if question.key == "code" and self.code is not None:
            return self.code()
        if question.default is None or question.key == "way":
            raise ArgumentError(
                f"{question.text}: nobody to ask, the standard input is no terminal",
                fix=f"Give {question.option}.",
            )
        return question.default

    @override
    def tell(self, text: str) -> None:
        click.echo(visible(text), err=True)


class AtTerminal(Script):
    """Somebody who can be asked. Questions go to standard error: a program may read the rest."""

    @property
    @override
    def is_there(self) -> bool:
        return True

    @override
    def ask(self, question: Question) -> str:
        if question.key == "code" and self.code is not None:
            return self.code()
        for line in question.explained:
            click.echo(line, err=True)
        choices = f" ({', '.join(filter(None, question.choices))})" if question.choices else ""
        answer: str = click.prompt(
            question.text + choices,
            default=question.default,
            show_default=bool(question.default),
            hide_input=question.is_hidden,
            err=True,
        )
        return answer


def whoever_runs_this(code_file: Path | None) -> Person:
    """
    The person at the terminal, if standard input is one.

    Args:
        code_file: Where a one-time code is read once it is needed; `-`: standard input.
    """
    code = None if code_file is None else lambda: read_secret_line(code_file)
    return AtTerminal(code) if sys.stdin.isatty() else Script(code)


def ask_secret_line(path: Path, what: str) -> str:
    """
    As `read_secret_line`; from a terminal it is asked for, and not shown.

    Args:
        path: `-`: standard input.
        what: For whoever is asked.
    """
    if str(path) == "-" and sys.stdin.isatty():
        answer: str = click.prompt(what, hide_input=True, err=True)
        return answer
    return read_secret_line(path)


def read_secret_line(path: Path) -> str:
    """
    The first line of a file that others cannot read, or the next one of standard input (`-`).

    Raises:
        ConfigError: It cannot be read, is open to others, or has none.
    """
    try:
        if str(path) == "-":
            line = sys.stdin.readline(_LONGEST_LINE)
        else:
            with path.open(encoding="utf-8") as file:
                _require_private(file, path)
                line = file.readline(_LONGEST_LINE)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot be read: {why}", where=str(path), fix="Name a file that can.") from exc
    if not (text := line.rstrip("\r\n")):
        raise ConfigError("has no first line", where=str(path), fix="Put what is asked for there, alone.")
    return text


def _require_private(file: IO[Any], path: Path) -> None:
    """A file in which a password stands; what is no file, as a pipe, is nobody else's."""
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISREG(mode) and mode & 0o077:
        raise ConfigError(
            f"a secret, and the file is open to others (mode {stat.S_IMODE(mode):04o})",
            where=str(path),
            fix=f"chmod 600 '{path}'",
        )
