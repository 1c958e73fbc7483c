"""The short form of `make chaos`: the same campaign, a fortieth of its kills."""

from __future__ import annotations

import pytest

from tests.chaos import evidence
from tests.chaos.campaign import Campaign
from tests.chaos.command_line import report


@pytest.mark.slow
@pytest.mark.longest
@pytest.mark.acceptance
def test_nothing_is_lost_whatever_dies_and_whenever(tmp_path):
    campaign = Campaign(tmp_path, messages=400, events=25, kills=5, seed=None)

    report(campaign.run())

    assert campaign.lost == []
    assert campaign.wrong == []


def test_a_checkpoint_over_a_number_that_the_ring_still_has_is_found():
    assert evidence.unexplained(300, {*range(1, 300)}, last_seq=300) == [300]
    assert evidence.unexplained(300, {*range(1, 301)} - {7}, last_seq=300) == []
    assert evidence.unexplained(300, {*range(1, 301)} - {70}, last_seq=300) == [70]
    assert evidence.unexplained(0, set(), last_seq=300) == []
