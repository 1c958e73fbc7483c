"""
Where the loop's blocking calls run: `asyncio.to_thread`, of plugins too, and the resolution of names.

A pool would let plugins whose calls never return use up its few threads: nobody could resolve a name any more, and
the end of the process would wait for them. A new thread for each call would keep the loop until that has begun: it
waits for the interpreter's lock, behind all the others that do.
"""

from __future__ import annotations

import contextlib
import errno
import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, TypeAlias, TypeVar

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    _Call: TypeAlias = Callable[[], None]

P = ParamSpec("P")
T = TypeVar("T")

IDLE_SECONDS: Final = 1.0
"""For which a thread that has nothing to do waits for another call."""


class ThreadPerCall(ThreadPoolExecutor):
    """
    Gives each call a daemon thread, one that is free or a new one; nobody waits for what is left at the end.

    A pool by type only: asyncio insists on it.

    Args:
        idle_seconds: As of `IDLE_SECONDS`.
    """

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS) -> None:
        super().__init__()
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._free: list[queue.SimpleQueue[_Call]] = []
        """
        Each waits for the calls of one thread. The one that was used last lies on the right; those on the left end
        when nothing comes.
        """

    @override
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """
        Start the call.

        Raises:
            OSError: No thread can be started now; to whoever resolves a name, that the name cannot be resolved.
        """
        future: Future[T] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as exc:  # noqa: BLE001 - the caller's, whatever it is
                future.set_exception(exc)
            else:
                future.set_result(result)

        with self._lock:
            calls = self._free.pop() if self._free else None
        if calls is None:
            calls = queue.SimpleQueue()
            thread = threading.Thread(target=self._run, args=(calls,), name="loop-call", daemon=True)
            try:
                thread.start()
            except RuntimeError as exc:
                raise OSError(errno.EAGAIN, str(exc)) from exc
        calls.put(call)
        return future

    @override
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Return at once."""

    def _run(self, calls: queue.SimpleQueue[_Call]) -> None:
        """What a thread does: one call after the other, until none comes for a while."""
        call: _Call | None = calls.get()
        while call is not None:
            call()
            # Nothing of it is kept while the next one is waited for.
            call = None
            call = self._next(calls)

    def _next(self, calls: queue.SimpleQueue[_Call]) -> _Call | None:
        with self._lock:
            self._free.append(calls)
        with contextlib.suppress(queue.Empty):
            return calls.get(timeout=self._idle_seconds)
        with self._lock:
            if calls in self._free:
                self._free.remove(calls)
                return None
        # It was chosen at the last moment.
        return calls.get()
