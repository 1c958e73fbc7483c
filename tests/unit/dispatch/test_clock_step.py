"""A clock that was set back is noticed."""

from __future__ import annotations

import pytest

from mycel_runtime.dispatch.clock_step import ClockStepDetector


class Clocks:
    wall = 1_000_000.0
    steady = 50.0

    def go_on(self, seconds):
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def detector(clocks):
    return ClockStepDetector(lambda: clocks.wall, lambda: clocks.steady)


def test_it_is_told_once(clocks, detector):
    clocks.go_on(10)
    clocks.wall -= 3_600

    assert detector.set_back() == pytest.approx(3_600)
    assert detector.set_back() == 0


def test_a_clock_that_goes_on_or_forward_is_not_set_back(clocks, detector):
    clocks.go_on(10)
    assert detector.set_back() == 0
    clocks.wall += 3_600
    assert detector.set_back() == 0
    clocks.wall -= 3_600

    assert detector.set_back() == pytest.approx(3_600)


def test_small_steps_add_up(clocks, detector):
    told = []
    for _ in range(10):
        clocks.wall -= 0.3
        told.append(detector.set_back())

    assert sum(told) == pytest.approx(3.0, abs=1.0)
