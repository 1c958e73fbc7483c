"""An agent that fails costs the others of its process no answer, whatever it is that fails of it: the short form."""

from __future__ import annotations

import pytest

from tests.integration.isolation_of_agents.faults import FAULTS
from tests.integration.isolation_of_agents.stage import stage

pytestmark = [pytest.mark.slow, pytest.mark.longest, pytest.mark.timeout(240)]

SHORT = frozenset(
    {"damaged_journal", "locked_journal", "hanging_token_file", "failing_backend", "leaking_handlers"}
)
"""The others, and how long answers take: `python -m tests.integration.isolation_of_agents`."""

NEIGHBOURS = 7
SECONDS = 2.0

LONGEST = 10.0
"""Seconds that an answer may take on a busy machine; what waits for the failing one takes longer, or for ever."""


def test_what_fails_of_one_agent_costs_the_others_no_answer(tmp_path_factory):
    with stage(tmp_path_factory.mktemp("s"), neighbours=NEIGHBOURS, rate=20.0) as here:
        for fault in FAULTS:
            if fault.name in SHORT:
                with here.victim() as victim, fault.of(here, victim):
                    seen = here.converse(SECONDS, victim)
                assert (fault.name, seen.lost, seen.doubled) == (fault.name, 0, 0)
                assert max(seen.seconds) < LONGEST, fault.name

        assert here.process.poll() is None
