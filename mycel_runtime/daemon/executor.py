"""
Where the loop's blocking calls run: `asyncio.to_thread`, of plugins too, and the resolution of names.

A pool would let plugins whose calls never return use up its few threads: nobody could resolve a name any more, and
the end of the process would wait for them.
"""

from __future__ import annotations

import errno
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class ThreadPerCall(ThreadPoolExecutor):
    """
    Gives each call a daemon thread of its own; nobody waits for what is left at the end.

    A pool by type only: asyncio insists on it.
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

        try:
            threading.Thread(target=call, name="loop-call", daemon=True).start()
        except RuntimeError as exc:
            raise OSError(errno.EAGAIN, str(exc)) from exc
        return future

    @override
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Return at once."""
