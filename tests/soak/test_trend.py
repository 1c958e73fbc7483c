"""A leak is told from noise, and noise from a leak."""

from __future__ import annotations

import random

from tests.soak.trend import trend

HOUR = [60.0 * minute for minute in range(61)]


def test_a_slow_leak_in_noise_is_found_and_noise_alone_is_none():
    dice = random.Random(7)
    noise = [(at, 70 + dice.gauss(0, 1.5)) for at in HOUR]
    leaking = [(at, value + 10 * at / 3600) for at, value in noise]

    assert not trend(noise).exceeds(1.0)
    assert trend(leaking).exceeds(6.0)
    assert abs(trend(leaking).per_hour - trend(noise).per_hour - 10) < 1e-6


def test_what_has_grown_once_and_stays_is_no_slope_after_the_warm_up():
    stairs = [(at, 60 if at < 300 else 70) for at in HOUR]

    assert not trend(stairs[15:]).exceeds(0.1)
