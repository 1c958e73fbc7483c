"""The road to the backend: retries, limits, troubles."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRetried(Fact):
    """
    A call that is safe to repeat failed and will be.

    Attributes:
        method: Of HTTP.
        attempt: How often it has failed so far.
        error: The type's name, or the status.
        retry_in: Seconds.
    """

    name: ClassVar[str] = "call.retried"
    level: ClassVar[Level] = "warning"
    alike_by: ClassVar[tuple[str, ...]] = ("method", "error")
    method: str
    attempt: int
    error: str
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(Fact):
    """
    The server limits the rate of requests: calls wait for their turn from now on. Told once a minute while it lasts.

    Attributes:
        cause: The word for it, as in `status`.
        status: 429, or 503.
        retry_after: What the answer asked for; `None` if nothing.
        interval: Seconds between two calls now; felt for from short to long.
        refusals: Since it began.
    """

    name: ClassVar[str] = "rate.limited"
    level: ClassVar[Level] = "warning"
    cause: str = "rate_limited"
    status: int
    retry_after: float | None
    interval: float
    refusals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRecovered(Fact):
    """
    The server limits nothing any more that can be felt, after so many refusals.

    Attributes:
        refusals: Since it began.
    """

    name: ClassVar[str] = "rate.recovered"
    refusals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkTroubled(Fact):
    """
    A call has failed by this cause, which was not met of late. Told once, not for each call.

    Attributes:
        cause: One word of `sdk.cause.Cause`.
        detail: What the other side itself has said: a status, where a redirect leads, when it will be back.
        fix: What to do.
    """

    name: ClassVar[str] = "network.troubled"
    level: ClassVar[Level] = "warning"
    cause: str
    detail: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRecovered(Fact):
    """
    Calls do not fail by this cause any more, after so many seconds and so many failed tries.

    Attributes:
        cause: As of `NetworkTroubled`.
        lasted: Seconds.
        failures: Failed tries.
    """

    name: ClassVar[str] = "network.recovered"
    cause: str
    lasted: float
    failures: int
