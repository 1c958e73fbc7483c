"""What becomes of a delivery."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.dispatch.verdict import (
    Bury,
    Failed,
    Finish,
    Outspoken,
    Postpone,
    Quarantined,
    Returned,
    Unanswered,
    is_given_up,
    judge,
    outage_delay,
)
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.settings import DispatchSettings

SETTINGS = DispatchSettings()


def verdict(result, attempts=0, outage=0.0, draw=0.0):
    return judge(result, attempts=attempts, outage=outage, settings=SETTINGS, draw=draw)


def test_a_return_finishes():
    returned = Returned(move=CursorMove(handled_seq=3))

    assert verdict(returned) == Finish(returned=returned)


def test_a_failure_spends_an_attempt_and_waits_longer_each_time():
    delays = [verdict(Failed(letter=Letter(reason="ValueError")), attempts=spent).delay for spent in range(7)]

    assert delays == [0.5, 1, 2, 4, 8, 16, 30]


def test_the_last_attempt_buries():
    failed = Failed(letter=Letter(reason="x", trace="t"), move=CursorMove(handled_seq=9))

    assert verdict(failed, attempts=7) == Bury(failed=failed)


def test_a_permanent_failure_is_buried_at_once():
    assert isinstance(verdict(Failed(letter=Letter(reason="x"), is_permanent=True)), Bury)


def test_a_retry_waits_as_long_as_it_asked():
    result = verdict(Failed(letter=Letter(reason="Retry"), retry_after=7.5))

    assert result == Postpone(delay=7.5, spend=True, reason="Retry")


@pytest.mark.parametrize("attempts", [0, 7, 99])
def test_what_a_plugin_lacks_never_spends_an_attempt(attempts):
    lacking = Failed(letter=Letter(reason="no key"), is_answer=True, is_unavailable=True)

    assert verdict(lacking, attempts) == Postpone(delay=SETTINGS.retry_cap, spend=False, reason="no key")
    assert not is_given_up(lacking, attempts=attempts, most=8)


@pytest.mark.parametrize("attempts", [0, 7, 99])
def test_the_backends_trouble_never_spends_an_attempt(attempts):
    result = verdict(Unanswered(letter=Letter(reason="TransportError")), attempts=attempts)

    assert isinstance(result, Postpone)
    assert not result.spend


def test_retry_after_of_the_backend_is_bounded():
    """What it delays is written down: a proxy's year would outlive every restart."""
    year = 365 * 86_400.0

    assert verdict(Unanswered(letter=Letter(reason="ServerError"), retry_after=year)).delay == 3600.0


def test_retry_after_of_the_backend_is_honoured():
    assert verdict(Unanswered(letter=Letter(reason="RateLimitedError"), retry_after=33.0)).delay == 33.0


def test_being_outspoken_postpones_without_an_attempt():
    assert verdict(Outspoken(rounds=5)) == Postpone(delay=0.5, spend=False, reason="outspoken 5 times")


@given(st.floats(0, 1e9), st.floats(0, 1, exclude_max=True))
def test_an_outage_costs_at_most_as_long_again(outage, draw):
    delay = outage_delay(outage, SETTINGS, draw)

    assert 0.5 * SETTINGS.retry_base <= delay <= SETTINGS.retry_cap
    assert delay <= max(outage, SETTINGS.retry_base)


def test_a_plugin_that_is_left_alone_is_looked_at_again_soon_and_spends_nothing():
    result = verdict(Quarantined(plugin="p", retry_after=300.0), attempts=99)

    assert result == Postpone(delay=60.0, spend=False, reason="plugin p is left alone")
