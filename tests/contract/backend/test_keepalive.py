"""What the server's pings do (contract 5.6, Q11, Q17), with short ones."""

from __future__ import annotations

import pytest

from mycel_runtime.backend.server import BackendOptions
from tests.contract.backend.feed import becomes, hears, subscription


@pytest.fixture
def options():
    return BackendOptions(ping_interval_seconds=0.2, ping_timeout_seconds=1.0)


def test_the_end_of_a_half_open_silent_connection_deafens_its_successor(town, owner, agent, chat):
    with subscription(town, agent) as old:
        town.backend.faults.half_open_streams()
        with subscription(town, agent, since_seq=0) as new:
            assert becomes(town, agent, "is_listening", value=False)
            owner.says(chat, "hello")
            assert not hears(new, soon=False)
        assert not hears(old, soon=False)


def test_the_end_of_one_that_sent_a_resume_does_not(town, owner, agent, chat):
    with subscription(town, agent, since_seq=0):
        town.backend.faults.half_open_streams()
        with subscription(town, agent, since_seq=0) as new:
            assert not becomes(town, agent, "is_listening", value=False, soon=False)
            owner.says(chat, "hello")
            assert hears(new, soon=True)
