"""One delivery per lane at a time, in order, whoever is killed."""

from __future__ import annotations

import random

import pytest

from tests.integration.dispatch.order import inversions, run


@pytest.mark.slow
def test_a_lane_never_goes_back_though_processes_are_killed_and_deliveries_fail(tmp_path):
    deliveries, kills = 3_000, 3

    back, again, done = inversions(run(tmp_path, deliveries, 50, kills, random.Random(1)))

    assert (back, done) == (0, deliveries)
    assert again <= kills * 50
