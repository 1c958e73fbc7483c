"""What is told of work, and of what keeps it from being done."""

from __future__ import annotations

import math

from mycel_runtime.daemon.reports.work_report import blocked_reports, work_report
from mycel_runtime.dispatch.blocked_chats import BlockedChat
from mycel_runtime.dispatch.lifecycle import Start
from mycel_runtime.journal.summary import JournalStatistics
from mycel_runtime.speech.evidence import Operation

NOTHING = JournalStatistics(**dict.fromkeys(JournalStatistics.__dataclass_fields__, 0))


def test_a_blocked_chat_is_named_with_since_when_and_what_the_server_says():
    blocked = BlockedChat(chat_id="c", operation=Operation.SEND, since=5.0, reason="ServerError 500: no")

    (report,) = work_report(NOTHING, blocked=blocked_reports([blocked])).blocked_chats

    assert report.model_dump() == {
        "chat_id": "c",
        "operation": "send",
        "since": 5.0,
        "reason": "ServerError 500: no",
    }


def test_a_plugin_that_cannot_be_started_is_named_with_the_reason():
    starts = [
        Start(plugin="new"),
        Start(plugin="late", attempts=2, retry_at=9.0, reason="ValueError"),
        Start(plugin="never", attempts=1, retry_at=math.inf, reason="Reject: no"),
    ]

    reports = work_report(NOTHING, starts=starts).not_started

    assert [tuple(report.model_dump().values()) for report in reports] == [
        ("new", 0, "", None),
        ("late", 2, "ValueError", 9.0),
        ("never", 1, "Reject: no", None),
    ]
