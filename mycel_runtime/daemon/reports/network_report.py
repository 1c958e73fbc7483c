"""What is known of the road to the backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from mycel_runtime.daemon.network_health import NetworkHealth


class CauseReport(BaseModel, frozen=True, defer_build=True):
    """
    What keeps calls from the backend. Times are epoch seconds.

    Attributes:
        cause: One word of `sdk.cause.Cause`.
        since, last_at: Of the first and the last call that failed by it.
        failures: Tries of calls, so far.
        detail: What the other side itself has said: a status, where a redirect leads, when it will be back.
        fix: What to do.
    """

    cause: str
    since: float
    last_at: float
    failures: int
    detail: str
    fix: str


class NetworkReport(BaseModel, frozen=True, defer_build=True):
    """
    The road to the backend.

    Attributes:
        failing_since: Epoch seconds; since then every call has failed. `None` while calls are answered.
        causes: What is wrong, the latest met first; what ails some calls only stays for an interval.
    """

    failing_since: float | None = None
    causes: tuple[CauseReport, ...] = ()


def network_report(health: NetworkHealth) -> NetworkReport:
    """What the agent's calls have met."""
    return NetworkReport(
        failing_since=health.failing_since,
        causes=tuple(
            CauseReport(
                cause=spell.cause.value,
                since=spell.since,
                last_at=spell.last_at,
                failures=spell.failures,
                detail=spell.detail,
                fix=spell.cause.fix,
            )
            for spell in health.spells
        ),
    )
