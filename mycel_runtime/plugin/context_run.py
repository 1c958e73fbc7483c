"""
How far a run has come, as its context knows it: open or over, and what it has asked for and never awaited.

A reply that nobody awaits is never said, and its message is not answered; a deed is not done.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from mycel_runtime.errors import HandlerError, MycelError, ReplyNotAwaitedError

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
        self._begun: list[tuple[Coroutine[Any, Any, Any], type[HandlerError]]] = []
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

    def begin(
        self, deed: Coroutine[Any, Any, T], unawaited: type[HandlerError] = ReplyNotAwaitedError
    ) -> Coroutine[Any, Any, T]:
        """Hand this to the handler, which is to await it; else its run ends with that error."""
        self._begun = [*(each for each in self._begun if _is_untouched(each[0])), (deed, unawaited)]
        return deed

    def require_awaited(self) -> None:
        """
        The handler has returned; what it has left and has not even begun to run, is not said any more.

        Raises:
            ReplyNotAwaitedError, DeedNotAwaitedError: There is such a one.
        """
        left = [each for each in self._begun if _is_untouched(each[0])]
        for deed, _ in left:
            deed.close()
        for _, unawaited in left:
            raise unawaited()


def _is_untouched(deed: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(deed) == inspect.CORO_CREATED
