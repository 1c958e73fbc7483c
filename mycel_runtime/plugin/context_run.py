"""
How far a run has come, as its context knows it: open or over, and what it has asked for and never awaited.

A reply that nobody awaits is never said, and its message is not answered.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from mycel_runtime.errors import MycelError, ReplyNotAwaitedError

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class ContextEndedError(MycelError):
    """A context was used after its handler's run had ended."""

    def __init__(self) -> None:
        super().__init__(
            "this run of the handler has ended: keep no context beyond it, and await every reply within it"
        )


class ContextRun:
    """One run, shared by the contexts that show it."""

    def __init__(self) -> None:
        self._begun: list[Coroutine[Any, Any, Any]] = []
        self._is_ended = False

    def end(self) -> None:
        """Called by the runtime when the run is over."""
        self._is_ended = True

    def require_open(self) -> None:
        """
        Go on with what needs the runtime.

        Raises:
            ContextEndedError: The run is over.
        """
        if self._is_ended:
            raise ContextEndedError

    def begin(self, reply: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """Hand this to the handler, which is to await it."""
        self._begun = [*filter(_is_untouched, self._begun), reply]
        return reply

    def require_awaited(self) -> None:
        """
        The handler has returned; what it has left and has not even begun to run, is not said any more.

        Raises:
            ReplyNotAwaitedError: There is such a one.
        """
        left = [*filter(_is_untouched, self._begun)]
        for reply in left:
            reply.close()
        if left:
            raise ReplyNotAwaitedError


def _is_untouched(reply: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(reply) == inspect.CORO_CREATED
