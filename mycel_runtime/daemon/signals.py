"""
Signals become requests.

SIGTERM or SIGINT once: stop, and let what is running end. Again: stop now. SIGHUP: read the configuration again; it
does not end the process when its terminal closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.forks import forget_in_forks, let_go_in_forks
from mycel_runtime.plugin.process_state import Aspect, keeping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)

_ROUTED: Final = (*_STOPPING, signal.SIGHUP)


class StopRequest:
    """
    Whether, and how urgently, the process is to end.

    Attributes:
        reason: The first signal's name; empty until there is one.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._told: list[Callable[[], None]] = []
        self._asked = asyncio.Event()
        self._insisted = asyncio.Event()

    @property
    def is_asked(self) -> bool:
        """Whether a stop was asked for."""
        return self._asked.is_set()

    def ask(self, reason: str) -> None:
        """Ask for the end; a second time, insist."""
        if self._asked.is_set():
            self._insisted.set()
            return
        self.reason = reason
        self._asked.set()
        for told in tuple(self._told):
            told()

    def tell(self, told: Callable[[], None]) -> None:
        """Call it at the first request, or at once if there was one: for whoever waits for something else, too."""
        self._told.append(told)
        if self.is_asked:
            told()

    def tell_no_more(self, told: Callable[[], None]) -> None:
        """Undo `tell`; nothing, where an end came before it."""
        if told in self._told:
            self._told.remove(told)

    async def wait_asked(self) -> None:
        """Until the first request."""
        await self._asked.wait()

    async def wait_insisted(self) -> None:
        """Until the second request."""
        await self._insisted.wait()


@contextlib.contextmanager
def signals_as(stop: StopRequest, reload: Callable[[], None] = lambda: None) -> Iterator[None]:
    """
    Route the process's signals while the block runs; call on the running loop.

    Args:
        stop: Asked by SIGTERM and SIGINT.
        reload: Called on SIGHUP.
    """
    loop = asyncio.get_running_loop()

    def route() -> None:
        for number in _STOPPING:
            loop.add_signal_handler(number, stop.ask, number.name)
        loop.add_signal_handler(signal.SIGHUP, reload)
        _mark()

    previous = signal.getsignal(signal.SIGHUP)
    route()
    let_go_in_forks(_forget_signals)
    try:
        with keeping(_aspect(route)):
            yield
    finally:
        forget_in_forks(_forget_signals)
        for number in _ROUTED:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGHUP, previous)


def _aspect(route: Callable[[], None]) -> Aspect:
    """
    Also the loop's own handlers, which a plugin may replace, are put back.

    Asking the loop after each run would cost more than the rest of the run: it looks through all signals there are.
    """
    pipe = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(pipe)

    def read() -> tuple[Any, ...]:
        return tuple(map(signal.getsignal, _ROUTED))

    def write(state: tuple[Any, ...]) -> None:
        if read() == state:
            _mark()
        else:
            route()
        signal.set_wakeup_fd(pipe)

    return Aspect(name="stop signals", read=read, write=write, is_urgent=True)


def _marked(_number: int, _frame: Any) -> None:
    """The loop is told by its pipe. Another one in the place of this handler shows that ours was replaced."""


def _mark() -> None:
    for number in _ROUTED:
        signal.signal(number, _marked)
        # As the loop has it, which that takes back: a call of the system's goes on.
        signal.siginterrupt(number, False)


def _forget_signals() -> None:
    """
    In a forked process: what it is sent is its own.

    It shares the pipe by which a signal wakes our loop: a child that a handler terminates would stop the runtime, and
    go on itself.
    """
    signal.set_wakeup_fd(-1)
    for number in _STOPPING:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
