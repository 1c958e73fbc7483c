"""The first call that gets through tells that the way is found, and hurries nobody too often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mycel_runtime.inbox.recovery import Recovery

CAP = 60.0


def test_only_the_first_call_after_one_that_missed_tells_that_the_way_is_found():
    recovery = Recovery(cap=CAP)
    assert not recovery.reached()

    recovery.missed()
    recovery.missed()

    assert recovery.reached()
    assert not recovery.reached()


def test_a_try_that_did_not_help_is_hurried_again_after_half_the_longest_wait():
    recovery = Recovery(cap=CAP)

    assert recovery.may_hurry(100.0)
    assert not recovery.may_hurry(129.9)
    assert recovery.may_hurry(130.0)


def test_a_try_that_helped_does_not_count():
    recovery = Recovery(cap=CAP)
    assert recovery.may_hurry(100.0)

    recovery.connected()

    assert recovery.may_hurry(100.1)


@given(st.floats(0, 1, exclude_max=True))
def test_the_stream_is_tried_within_seconds_and_not_by_all_in_one(draw):
    assert Recovery(cap=CAP).delay(draw) == draw * 5.0
