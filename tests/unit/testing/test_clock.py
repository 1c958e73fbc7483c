"""A clock that runs, and jumps."""

from __future__ import annotations

import pytest

from mycel_runtime.errors import ArgumentError
from mycel_runtime.testing import JumpingClock
from mycel_runtime.testing.clock import seconds_of


def test_it_runs_as_the_real_one_does_and_stays_ahead_after_a_jump():
    real = iter([100.0, 100.0, 101.0])
    clock = JumpingClock(lambda: next(real))

    clock.jump_to(160.0)

    assert [clock(), clock()] == [160.0, 161.0]


def test_it_never_goes_back():
    clock = JumpingClock(lambda: 100.0)
    clock.jump_to(90.0)
    assert clock() == 100.0


def test_it_can_be_set_right_for_the_next_test():
    clock = JumpingClock(lambda: 100.0)
    clock.jump_to(160.0)
    clock.be_right()
    assert clock() == 100.0
    assert clock.now().timestamp() == 100.0


def test_spans_add_up():
    assert seconds_of(seconds=1, minutes=1, hours=1, days=1) == 90_061


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_time_goes_forwards(seconds):
    with pytest.raises(ArgumentError, match="cannot pass"):
        seconds_of(seconds=seconds, minutes=0, hours=0, days=0)
