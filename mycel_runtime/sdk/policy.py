"""
Which calls are repeated, when, and how often. Pure.

Only what is safe: a call that reads, or one whose connection was never established. A write whose answer was lost may
have been carried out, and nobody but its author can tell whether to repeat it. A send is never repeated at all: what
to say depends on what was said meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.backoff import full_jitter
from mycel_runtime.errors import ApiError, NotSentError, RateLimitedError, ServerError, TransportError

if TYPE_CHECKING:
    from mycel_runtime.sdk.calls import Call

PASSING_STATUSES: Final = frozenset({502, 503, 504})
"""A proxy between two servers, or a service not attached yet (contract 1.4)."""

LONGEST_RETRY_AFTER_SECONDS: Final = 30.0
"""Whoever asks for more is answered by the error, which carries the number."""

_BASE_SECONDS: Final = 0.2
_CAP_SECONDS: Final = 5.0


def may_repeat(call: Call[Any], error: ApiError) -> bool:
    """Whether repeating the call is safe and may help."""
    if call.is_send:
        return False
    if isinstance(error, NotSentError):
        return True
    if not call.is_safe or (error.retry_after_seconds or 0.0) > LONGEST_RETRY_AFTER_SECONDS:
        return False
    if isinstance(error, ServerError):
        return error.status_code in PASSING_STATUSES
    return isinstance(error, TransportError | RateLimitedError)


def retry_delay(error: ApiError, attempt: int, draw: float) -> float:
    """
    Seconds before the next try.

    Args:
        error: Of the last one.
        attempt: Tries so far, at least 1.
        draw: In [0, 1).
    """
    jitter = full_jitter(attempt, base=_BASE_SECONDS, cap=_CAP_SECONDS, draw=draw)
    return jitter + (error.retry_after_seconds or 0.0)
