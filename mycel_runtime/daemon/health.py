"""
One verdict from what every part knows.

Ready means: hearing is proven. The stream stands and tells, and the server was asked within the last two intervals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mycel_runtime.daemon.reports.hearing_report import HearingReport, StreamTroubleReport
    from mycel_runtime.daemon.reports.network_report import NetworkReport

STALE_INTERVALS: Final = 2.0
"""Reconcile intervals after which a look at the server is no proof any more; jitter and slow answers fit in."""


def problems_of(
    hearing: HearingReport, *, user_id: str | None, interval: float, now: float, trouble: str = ""
) -> tuple[str, ...]:
    """
    Why hearing is not proven; empty when it is.

    Args:
        hearing: As reported.
        user_id: `None` while the backend has not said whose token it is.
        interval: `[inbox] reconcile_interval`.
        now: Epoch seconds.
        trouble: Why the backend has not said so, as far as it is known.
    """
    if user_id is None:
        return (f"the backend has not answered yet{trouble and f': {trouble}'}",)
    problems = []
    if not hearing.connected:
        problems.append(f"the stream is not connected{_polled(hearing.trouble, now)}")
    if hearing.reconciled_at is None:
        problems.append("the server was not asked yet")
    elif now - hearing.reconciled_at < -interval:
        problems.append("the clock was set back since the server was last asked")
    elif now - hearing.reconciled_at > STALE_INTERVALS * interval:
        problems.append(f"the server was last asked {now - hearing.reconciled_at:.0f} s ago")
    if hearing.unannounced_chats:
        problems.append(f"{hearing.unannounced_chats} chats hold something that the stream has not announced")
    return tuple(problems)


def _polled(trouble: StreamTroubleReport | None, now: float) -> str:
    if trouble is None or not trouble.polled:
        return ""
    return f" since {now - trouble.since:.0f} s, messages are polled for: {trouble.cause}"


def network_problems(network: NetworkReport, *, interval: float, now: float) -> tuple[str, ...]:
    """
    That no call gets through, which makes an agent deaf and dumb though its stream stands; empty if one does.

    Args:
        network: As reported.
        interval: `[inbox] reconcile_interval`: a shorter outage may be a restart, and costs no message.
        now: Epoch seconds.
    """
    if network.failing_since is None or now - network.failing_since <= interval:
        return ()
    words = network.causes and f": {network.causes[0].cause}"
    return (f"every call fails since {now - network.failing_since:.0f} s{words or ''}",)
