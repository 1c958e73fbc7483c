"""Replies that a handler has asked for: one that it never awaits is never said, and its message is not answered."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from mycel_runtime.errors import ReplyNotAwaitedError

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class BegunReplies:
    """Those of one run."""

    def __init__(self) -> None:
        self._begun: list[Coroutine[Any, Any, Any]] = []

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
