"""
What a process that a handler forks must not keep of the runtime.

Copies of descriptors outlive their owner: a lock is held by nobody, a subscription stands at the server though nobody
hears it, and a signal sent to the child wakes the parent. So whoever has such a thing says how a forked process lets
go of it. What is forked past Python's own calls, by a library in C, keeps it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_lettings_go: Final[set[Callable[[], None]]] = set()


class HasDescriptor(Protocol):
    """A socket, for example; -1 when it is closed."""

    def fileno(self) -> int:
        """Its descriptor."""


def let_go_in_forks(let_go: Callable[[], None]) -> None:
    """Call this in processes that are forked from here on."""
    _lettings_go.add(let_go)


def forget_in_forks(let_go: Callable[[], None]) -> None:
    """Call this no more; nothing, if it was not to be called."""
    _lettings_go.discard(let_go)


@contextlib.contextmanager
def closed_in_forks(holder: HasDescriptor) -> Iterator[None]:
    """Processes that are forked while the block runs close their copy of the descriptor."""

    def let_go() -> None:
        if (descriptor := holder.fileno()) >= 0:
            os.close(descriptor)

    let_go_in_forks(let_go)
    try:
        yield
    finally:
        forget_in_forks(let_go)


class _Mask(threading.local):
    """The forking thread's signal mask, from before the fork."""

    before: set[int | signal.Signals]


_mask: Final = _Mask()


def _hold_signals() -> None:
    """What a child is sent before it has let go of our signals must wait until it has."""
    _mask.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})


def _let_signals_come() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _mask.before)


def _let_go_of_all() -> None:
    for let_go in tuple(_lettings_go):
        let_go()
    _lettings_go.clear()
    _let_signals_come()


os.register_at_fork(before=_hold_signals, after_in_parent=_let_signals_come, after_in_child=_let_go_of_all)
