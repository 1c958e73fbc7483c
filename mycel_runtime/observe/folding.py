"""Repeats folded as they happen: what is left out is told when its second is over, by a thread that lives so long."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from mycel_runtime.observe.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


def call_later(seconds: float, call: Callable[[], None]) -> None:
    """Call it once, in a thread that keeps no process alive; not at all, if no thread can be started."""

    def wait() -> None:
        time.sleep(seconds)
        call()

    threading.Thread(target=wait, name="repeats", daemon=True).start()


class Folding(Generic[T]):
    """
    Tells of what happens, as `Repeats` admits it. For any thread.

    Args:
        tell: Told of something, and of how many alike had no line since the last one.
        clock: Seconds that never run backwards.
        later: As of `call_later`.
    """

    def __init__(
        self,
        tell: Callable[[T, int], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] = call_later,
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._later = later
        # Re-entrant: a finalizer that raises is told of, whatever its thread is about to do.
        self._lock = threading.RLock()
        self._repeats = Repeats()
        self._is_awaited = False

    def tell(self, what: T, *, key: Hashable) -> None:
        """Now, or when its second is over."""
        with self._lock:
            left_out = self._repeats.admit(key, what, self._clock())
            if left_out is None:
                self._await_due()
        if left_out is not None:
            self._tell(what, left_out)

    def _await_due(self) -> None:
        next_due = self._repeats.next_due()
        if self._is_awaited or next_due is None:
            return
        try:
            self._later(max(0.0, next_due - self._clock()), self._tell_due)
        except RuntimeError:
            return  # With no thread left to start, it is told with what follows.
        self._is_awaited = True

    def _tell_due(self) -> None:
        with self._lock:
            self._is_awaited = False
            due = self._repeats.due(self._clock())
            self._await_due()
        for what, left_out in due:
            self._tell(what, left_out)
