"""Ready means that hearing is proven."""

from __future__ import annotations

import pytest

from mycel_runtime.daemon.health import network_problems, problems_of
from mycel_runtime.daemon.reports.hearing_report import HearingReport, StreamTroubleReport
from mycel_runtime.daemon.reports.network_report import CauseReport, NetworkReport

PROXY_REFUSED = StreamTroubleReport(
    cause="proxy_refused", reason="403", since=40.0, polled=True, fix="Let it allow CONNECT."
)
PROVEN = HearingReport(connected=True, reconciled_at=100.0, proven_at=100.0)


@pytest.mark.parametrize(
    ("report", "user_id", "now", "problems"),
    [
        (PROVEN, "me", 100.0, ()),
        (PROVEN, "me", 160.0, ()),
        (PROVEN, "me", 161.0, ("the server was last asked 61 s ago",)),
        (PROVEN, "me", 99.0, ()),
        (PROVEN, "me", -3500.0, ("the clock was set back since the server was last asked",)),
        (PROVEN, None, 100.0, ("the backend has not answered yet",)),
        (
            HearingReport(),
            "me",
            100.0,
            ("the stream is not connected", "the server was not asked yet"),
        ),
        (
            HearingReport(reconciled_at=100.0, trouble=PROXY_REFUSED),
            "me",
            100.0,
            ("the stream is not connected since 60 s, messages are polled for: proxy_refused",),
        ),
        (
            HearingReport(reconciled_at=100.0, trouble=PROXY_REFUSED.model_copy(update={"polled": False})),
            "me",
            100.0,
            ("the stream is not connected",),
        ),
        (
            HearingReport(connected=True, reconciled_at=100.0, unannounced_chats=2),
            "me",
            100.0,
            ("2 chats hold something that the stream has not announced",),
        ),
    ],
)
def test_every_reason_is_named(report, user_id, now, problems):
    assert problems_of(report, user_id=user_id, interval=30.0, now=now) == problems


@pytest.mark.parametrize(
    ("failing_since", "problems"),
    [
        (None, ()),
        (100.0, ()),
        (99.9, ("every call fails since 30 s: redirected",)),
    ],
)
def test_no_call_that_gets_through_for_an_interval_is_a_problem(failing_since, problems):
    """The stream may stand all the same."""
    cause = CauseReport(cause="redirected", since=90.0, last_at=99.0, failures=2, detail="", fix="Do.")
    network = NetworkReport(failing_since=failing_since, causes=(cause,))
    assert network_problems(network, interval=30.0, now=130.0) == problems
