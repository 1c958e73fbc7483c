"""Who the agent is, and its token."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityUnknown(Fact):
    """
    The backend could not yet be asked who the token belongs to.

    Attributes:
        error: What kept the answer away.
        retry_in: Seconds.
    """

    name: ClassVar[str] = "identity.unanswered"
    level: ClassVar[Level] = "warning"
    error: str
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfirmed(Fact):
    """
    The backend knows the token.

    Attributes:
        user_id: Whose token it is.
        user_name: As the backend shows it.
    """

    name: ClassVar[str] = "identity.confirmed"
    user_id: str
    user_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAwaited(Fact):
    """
    The backend refused the token, and its file holds no other one; it is read again after these `seconds`.

    Attributes:
        seconds: Until it is read again.
    """

    name: ClassVar[str] = "token.awaited"
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRenewed(Fact):
    """The backend refused the token; its file holds a new one of the same user, which is used from now on."""

    name: ClassVar[str] = "token.renewed"
