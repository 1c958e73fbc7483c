"""Ready means that hearing is proven."""

from __future__ import annotations

import math

import pytest

from mycel_runtime.daemon.health import (
    CauseReport,
    HearingReport,
    NetworkReport,
    StreamTroubleReport,
    blocked_reports,
    network_problems,
    problems_of,
    speaking_report,
    work_report,
)
from mycel_runtime.dispatch.blocked_chats import BlockedChat
from mycel_runtime.dispatch.lifecycle import Start
from mycel_runtime.journal.summary import JournalStatistics, WaitingUtterance
from mycel_runtime.observe.counters import Counters
from mycel_runtime.speech.evidence import Operation

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


def test_what_is_to_be_said_first_is_named_once_it_has_waited_for_long():
    waiting = [WaitingUtterance("p.post", "c", made_at, 0) for made_at in (30.0, 50.0)]

    report = speaking_report(Counters(lambda: 0.0), None, utterances=waiting, now=100.0)

    assert [each.since for each in report.waiting] == [30.0]


def test_a_blocked_chat_is_named_with_since_when_and_what_the_server_says():
    nothing = JournalStatistics(**dict.fromkeys(JournalStatistics.__dataclass_fields__, 0))
    blocked = BlockedChat(chat_id="c", operation=Operation.SEND, since=5.0, reason="ServerError 500: no")

    (report,) = work_report(nothing, blocked=blocked_reports([blocked])).blocked_chats

    assert report.model_dump() == {
        "chat_id": "c",
        "operation": "send",
        "since": 5.0,
        "reason": "ServerError 500: no",
    }


def test_a_plugin_that_cannot_be_started_is_named_with_the_reason():
    nothing = JournalStatistics(**dict.fromkeys(JournalStatistics.__dataclass_fields__, 0))
    starts = [
        Start(plugin="new"),
        Start(plugin="late", attempts=2, retry_at=9.0, reason="ValueError"),
        Start(plugin="never", attempts=1, retry_at=math.inf, reason="Reject: no"),
    ]

    reports = work_report(nothing, starts=starts).not_started

    assert [tuple(report.model_dump().values()) for report in reports] == [
        ("new", 0, "", None),
        ("late", 2, "ValueError", 9.0),
        ("never", 1, "Reject: no", None),
    ]


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
