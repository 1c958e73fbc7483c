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
from mycel_runtime.sdk.pace import Refusal, Worth

if TYPE_CHECKING:
    from mycel_runtime.sdk.calls import Call

PASSING_STATUSES: Final = frozenset({502, 503, 504})
"""A proxy between two servers, or a service not attached yet (contract 1.4)."""

LONGEST_RETRY_AFTER_SECONDS: Final = 30.0
"""Whoever asks for more is answered by the error, which carries the number."""

_UNAVAILABLE: Final = 503

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


def refusal_of(error: ApiError) -> Refusal:
    """
    Whether a limit of requests may have refused.

    A 503 that says when to come back is a limiter's or a maintenance's, and waited for alike. One that does not, and
    is no answer of the backend's own, may be nginx's `limit_req`, whose status it is unless configured otherwise.

    Source: RFC 6585, 4; RFC 9110, 15.6.4; nginx, ngx_http_limit_req_module, `limit_req_status`.
    """
    if isinstance(error, RateLimitedError):
        return Refusal.SURE
    if error.status_code != _UNAVAILABLE:
        return Refusal.NONE
    if error.retry_after_seconds is not None:
        return Refusal.SURE
    return Refusal.NONE if error.is_backends_own else Refusal.LIKELY


def may_wait(call: Call[Any], refusal: Refusal) -> bool:
    """
    Whether a call that a limit may have refused is made again at the pace.

    No send is: its author looks whether it was stored, however sure a refusal seems; nor is a destructive read, whose
    answer would be lost if a limiter that sits behind has refused what was carried out. And what writes is not, if
    something else than a limit may have refused it; but for a drain, whose items the ring holds as well.
    """
    if call.is_send or call.is_told_once or refusal is Refusal.NONE:
        return False
    return refusal is Refusal.SURE or call.is_safe or call.worth is Worth.DRAIN


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
