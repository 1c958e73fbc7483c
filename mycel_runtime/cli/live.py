"""A screen that is drawn again and again until Ctrl-C, and is as it was afterwards."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_ENTER: Final = "\x1b[?1049h\x1b[?25l"
"""To the terminal's second screen, without a cursor."""

_LEAVE: Final = "\x1b[?25h\x1b[?1049l"

_TERMINATED: Final = 128 + signal.SIGTERM


def watch(draw: Callable[[], Sequence[str]], *, interval: float) -> None:
    """
    Show what `draw` returns, anew after each `interval` seconds, until Ctrl-C.

    On a terminal a screen of its own, cut to its size; else one block after the other, with an empty line between.
    """
    is_terminal = sys.stdout.isatty()
    with contextlib.suppress(KeyboardInterrupt), _own_screen() if is_terminal else contextlib.nullcontext():
        while True:
            lines = draw()
            if is_terminal:
                _show(lines)
            else:
                click.echo("\n".join([*lines, ""]))
                sys.stdout.flush()
            time.sleep(interval)


@contextlib.contextmanager
def _own_screen() -> Iterator[None]:
    """The screen of before is there again, also after TERM."""
    previous = signal.signal(signal.SIGTERM, _end)
    _write(_ENTER)
    try:
        yield
    finally:
        _write(_LEAVE)
        signal.signal(signal.SIGTERM, previous)


def _show(lines: Sequence[str]) -> None:
    size = shutil.get_terminal_size()
    cut = [line[: size.columns] for line in lines[: size.lines - 1]]
    # Over what is there, and the rest of each line away: a screen that is cleared first flickers.
    _write("\x1b[H" + "".join(f"{line}\x1b[K\r\n" for line in cut) + "\x1b[J")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _end(_number: int, _frame: Any) -> None:
    raise SystemExit(_TERMINATED)
