"""What became of a try of a call, in one word of a closed list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import (
    AuthenticationError,
    InvalidResponseError,
    NotCaughtUpError,
    RateLimitedError,
    ServerError,
    TransportError,
)

if TYPE_CHECKING:
    from mycel_runtime.errors import ApiError

ANSWERED: Final = "answered"

_WORDS: Final = (
    (TransportError, "unanswered"),
    (RateLimitedError, "limited"),
    (NotCaughtUpError, "conflict"),
    (AuthenticationError, "unauthorised"),
    (ServerError, "server_error"),
    (InvalidResponseError, "odd_answer"),
)

OUTCOMES: Final = (ANSWERED, *(word for _, word in _WORDS), "refused")
"""All there are."""


def outcome_of(exc: ApiError) -> str:
    """Of a try that raised this."""
    return next((word for kind, word in _WORDS if isinstance(exc, kind)), "refused")
