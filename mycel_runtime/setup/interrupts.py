"""
What a signal may do to a set-up: end it, but never between an identity and its token.

SIGTERM and SIGHUP end it as Ctrl-C does, so that what was begun is cleared away. All three are held back while an
agent is being made, until its token is on the disk; whoever insists, by a second one, is obeyed.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ending_alike() -> Iterator[None]:
    """While the block runs, whatever asks for the end raises `KeyboardInterrupt`. In the main thread only."""
    with _handled(_raise):
        yield


@contextlib.contextmanager
def held_back(tell: Callable[[str], None]) -> Iterator[None]:
    """
    Let the block end before a signal does anything; `KeyboardInterrupt` is raised behind it, whatever it has raised.

    Args:
        tell: Told, at the first signal, what is waited for.
    """
    asked: list[int] = []

    def hold(number: int, _frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        tell("a moment: what must not be lost is being written; once more ends it all the same")

    try:
        with _handled(hold):
            yield
    except Exception as exc:
        if asked:
            raise KeyboardInterrupt from exc
        raise
    if asked:
        raise KeyboardInterrupt


def _raise(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    # What was ignored from the beginning, as by `nohup`, stays so.
    heard = [number for number in _ENDING if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
