"""What the operator is told of a stream that cannot be had: each thing once."""

from __future__ import annotations

from mycel_runtime.inbox.polling import Polling
from mycel_runtime.observe.facts import PollingBegun, PollingEnded
from mycel_runtime.sdk.cause import Cause

REFUSED = "stream refused with HTTP 426: "
DROPPED = "stream closed with 1006"


def begun(cause, fix, reason=REFUSED):
    return PollingBegun(cause=cause, reason=reason, fix=fix, interval=5.0)


def refused(polling, cause=Cause.UPGRADE_MISSING, *, now=100.0):
    polling.ended(cause, REFUSED, is_refused=True, now=now)


def test_polling_begins_with_the_first_look_that_is_answered_and_is_told_once():
    polling = Polling(interval=5.0)
    refused(polling)
    assert not polling.trouble.is_polled

    facts = [polling.looked(), polling.looked()]
    refused(polling, now=160.0)

    assert facts == [begun("upgrade_missing", Cause.UPGRADE_MISSING.fix), None]
    assert polling.looked() is None
    assert polling.trouble.is_polled
    assert polling.trouble.since == 100.0


def test_another_cause_is_told_as_well():
    polling = Polling(interval=5.0)
    refused(polling)
    polling.looked()
    refused(polling, Cause.PROXY_REFUSED)

    assert polling.looked() == begun("proxy_refused", Cause.PROXY_REFUSED.fix)


def test_what_has_no_word_is_told_all_the_same():
    polling = Polling(interval=5.0)
    refused(polling, None)

    assert polling.looked() == begun("unknown", "")


def test_a_stream_that_has_only_ended_is_no_news_and_what_is_polled_is_known():
    polling = Polling(interval=5.0)
    polling.ended(Cause.CONNECTION_LOST, DROPPED, is_refused=False, now=100.0)

    assert polling.looked() is None
    assert polling.trouble.is_polled
    assert polling.connected(now=101.0) is None
    assert polling.trouble is None


def test_the_end_is_told_if_the_beginning_was():
    polling = Polling(interval=5.0)
    refused(polling)
    polling.looked()

    assert polling.connected(now=130.25) == PollingEnded(lasted=30.25)
    assert polling.connected(now=131.0) is None


def test_looks_beside_a_stream_that_never_was_in_trouble_are_no_news():
    assert Polling(interval=5.0).looked() is None
