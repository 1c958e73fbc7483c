"""Hosts that share agents lose nothing, and say nothing twice, while each fault hits them once: the short form."""

from __future__ import annotations

import pytest

from tests.fleet.campaign import FAULTS, Campaign
from tests.fleet.kinds import APART, HERE

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

LEASE_SECONDS = 3.0


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_said_twice_while_hosts_networks_and_the_database_fail(tmp_path):
    campaign = Campaign(
        tmp_path,
        hosts=3,
        identities=3,
        chats=6,
        messages=40,
        seconds=10.0,
        lease_seconds=LEASE_SECONDS,
        faults=tuple(FAULTS),
    )
    wrongs = campaign.run()

    assert wrongs == []
    assert campaign.untaken == []
    assert sum(campaign.faults.values()) >= len(FAULTS)
    assert all(campaign.verdict.counts[f"said: {kind}"] for kind in (*HERE, *APART))
