"""What is told of answering."""

from __future__ import annotations

from mycel_runtime.daemon.reports.speaking_report import speaking_report
from mycel_runtime.journal.summary import WaitingUtterance
from mycel_runtime.observe.counters import Counters


def test_what_is_to_be_said_first_is_named_once_it_has_waited_for_long():
    waiting = [WaitingUtterance("p.post", "c", made_at, 0) for made_at in (30.0, 50.0)]

    report = speaking_report(Counters(lambda: 0.0), None, utterances=waiting, now=100.0)

    assert [each.since for each in report.waiting] == [30.0]
