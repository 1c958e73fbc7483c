"""
How a handler's run is ended from inside a send.

Not errors of the handler: they pass `except Exception`, as a cancellation does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import (
    AuthenticationError,
    InvalidResponseError,
    RateLimitedError,
    ServerError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.errors import ApiError
    from mycel_runtime.speech.evidence import Operation
    from mycel_runtime.wire.resources import Message

UNANSWERED: Final = (TransportError, ServerError, RateLimitedError, InvalidResponseError, AuthenticationError)
"""The backend's trouble, not the handler's: the delivery waits and spends no attempt."""


class TurnEndedError(BaseException):
    """Ends a handler's run."""


class SupersededError(TurnEndedError):
    """Somebody spoke first; the handler must be asked again with `messages` in view."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        super().__init__(f"{len(messages)} unseen messages")


class DroppedError(TurnEndedError):
    """Somebody spoke first, and this handler's way is to say nothing then."""


class WithheldError(TurnEndedError):
    """The loop guard lets nothing be said in this chat."""


class UnansweredError(TurnEndedError):
    """
    The backend cannot be reached or understood; the turn goes on later, from its record.

    Args:
        cause: What it was.
        operation: What failed; of a send: it is known not to be stored.
    """

    def __init__(self, cause: ApiError, operation: Operation) -> None:
        self.cause = cause
        self.operation = operation
        super().__init__(type(cause).__name__)

    def again(self) -> UnansweredError:
        """To be kept, and raised later: the same, without the places that this one came through."""
        return UnansweredError(_bare(self.cause), self.operation)


class RefusedError(TurnEndedError):
    """The backend refuses what is said for something unread that nobody can see, again and again."""

    def __init__(self, cause: ApiError) -> None:
        self.cause = cause
        super().__init__(type(cause).__name__)

    def again(self) -> RefusedError:
        """As of `UnansweredError`."""
        return RefusedError(_bare(self.cause))


def _bare(cause: ApiError) -> ApiError:
    """The same, without the places that it came through: some of them refer to whoever keeps it."""
    bare = type(cause).__new__(type(cause), *cause.args)
    bare.__dict__.update(vars(cause))
    return bare
