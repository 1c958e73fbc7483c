"""
What became of a send that was not answered with its message. Pure.

Only the backend's own refusal says that nothing was stored. Whatever else comes, or nothing, is a doubt: the history
tells, and absence counts only once nothing can be under way any more.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.errors import (
    ApiError,
    ContentTooLargeError,
    NotSentError,
    RateLimitedError,
    TransportError,
)
from mycel_runtime.sdk.pace import Refusal
from mycel_runtime.sdk.policy import refusal_of
from mycel_runtime.wire.limits import LARGEST_SEQ

if TYPE_CHECKING:
    from typing import TypeGuard

    from mycel_runtime.wire.resources import Message

TRIES: Final = 3
"""Of one send in one run of its handler, each but the first after the one before is proven absent."""

LONGEST_PAUSE_SECONDS: Final = 10.0
"""In the midst of a run; whoever asks for more is asked again by a later run."""

_ANSWERED_GRACE_SECONDS: Final = 0.5
"""Until a message counts as absent whose request was answered: by then no more of it is under way."""

_UNAVAILABLE: Final = 503
_REFUSED: Final = 400
_SERVER_ERROR: Final = 500
_MAY_BE_UNDER_WAY: Final = frozenset({202, 408, 499})
"""Of something in between that passes the request on later, or that has given up waiting for who has it."""


class SendOutcome(Enum):
    """How much an error tells."""

    NOT_STORED = auto()
    """The backend says so, or nobody can have heard: it is not looked for."""
    ANSWERED = auto()
    """Something in between has answered: it is stored, or never will be."""
    UNKNOWN = auto()
    """Not answered, or by who waits no more: it may yet be stored."""


def outcome_of(error: ApiError) -> SendOutcome:
    """
    What the error of a send says of its message.

    A rate limit and 503 are said instead of carrying it out; believed they are not, because the history knows.
    """
    if isinstance(error, NotSentError):
        return SendOutcome.NOT_STORED
    status = error.status_code
    is_troubled = isinstance(error, TransportError) or status >= _SERVER_ERROR
    if (is_troubled and status != _UNAVAILABLE) or status in _MAY_BE_UNDER_WAY:
        return SendOutcome.UNKNOWN
    is_refusal = _REFUSED <= status < _SERVER_ERROR and not isinstance(error, RateLimitedError)
    return SendOutcome.NOT_STORED if is_refusal and error.is_backends_own else SendOutcome.ANSWERED


def grace_after(error: ApiError, settle_grace: float) -> float:
    """
    Seconds from now until absence counts.

    Args:
        error: Of the send.
        settle_grace: As `[dispatch] settle_grace`: how long the road may hold a request that nobody waits for.
    """
    if outcome_of(error) is SendOutcome.UNKNOWN:
        return settle_grace
    return min(settle_grace, _ANSWERED_GRACE_SECONDS)


def is_refusal(error: ApiError) -> bool:
    """Whether it is said instead of carrying a request out: then no look is worth while before absence counts."""
    return refusal_of(error) is not Refusal.NONE or isinstance(error, ContentTooLargeError)


def pause_before_repeat(error: ApiError) -> float | None:
    """
    Seconds, from when it was answered, until an absent message is sent again in this run.

    `None`: a later run's, or nobody's; the same words are too large each time.
    """
    if outcome_of(error) is not SendOutcome.ANSWERED or isinstance(error, ContentTooLargeError):
        return None
    pause = error.retry_after_seconds or 0.0
    return pause if pause <= LONGEST_PAUSE_SECONDS else None


def is_handlers_to_know(error: ApiError) -> bool:
    """Whether the handler can do something about a message that was not stored: it says less."""
    return isinstance(error, ContentTooLargeError)


def is_message(answer: Any) -> TypeGuard[Message]:
    """Whether the answer to a send is its message, and not something else that is JSON."""
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), str):
        return False
    seq = answer.get("seq")
    return isinstance(seq, int) and not isinstance(seq, bool) and 0 < seq <= LARGEST_SEQ
