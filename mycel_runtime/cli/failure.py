"""What the process answers when something goes wrong; loaded when it does."""

from __future__ import annotations

import contextlib
import errno
import io
import traceback
from pathlib import Path
from typing import Final

import click

from mycel_runtime.cli.terminal import visible
from mycel_runtime.errors import MycelError, TransportError

EXIT_USAGE: Final = 64
EXIT_INTERNAL: Final = 70
EXIT_UNWRITTEN: Final = 75

_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


def answer(exc: Exception) -> int:
    """
    Tell on standard error what happened, and what to do.

    Args:
        exc: What ended the command.

    Returns:
        The exit code.
    """
    match exc:
        case click.ClickException():
            _tell_usage(exc)
            return EXIT_USAGE
        case MycelError():
            _tell(*_explained(exc))
            return exc.exit_code
        case BrokenPipeError():
            return EXIT_UNWRITTEN  # Who read our output has read enough.
        case _:
            return _unexpected(exc)


def _explained(exc: MycelError) -> list[str]:
    if isinstance(exc, TransportError):
        return [
            f"error: the backend does not answer: {exc.detail}",
            "  Start it, or mend [agent] base_url. An embedded backend lives in: mycel-runtime run",
        ]
    return [f"error: {exc}"]


def _unexpected(exc: Exception) -> int:
    """A bug of ours: told without values, which may be messages."""
    if isinstance(exc, OSError) and exc.errno in _UNWRITABLE:
        _tell(f"error: the output cannot be written: {exc.strerror}")
        return EXIT_UNWRITTEN
    frames = traceback.extract_tb(exc.__traceback__)
    _tell(
        f"error: internal error: {type(exc).__name__}; please report it with these lines:",
        *(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames),
    )
    return EXIT_INTERNAL


def _tell_usage(exc: click.ClickException) -> None:
    shown = io.StringIO()
    exc.show(file=shown)
    _tell(shown.getvalue().rstrip("\n"))


def _tell(*lines: str) -> None:
    """The exit code says it too, should standard error be gone. A server may be quoted, which steers no terminal."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(visible("\n".join(lines)), err=True)
