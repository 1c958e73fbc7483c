"""Whatever happens in whatever order: one reply each, none twice, none out of turn, and no doubt unlisted."""

from __future__ import annotations

import pytest

from tests.integration.speech.crashes import CrashMachine, Fate, Step

# The time of shrinking a failure; else it takes some seconds.
pytestmark = [pytest.mark.slow, pytest.mark.longest, pytest.mark.timeout(300)]
TestCrashes = CrashMachine.TestCase

ANSWERED = {Step.SEND: [Fate.ANSWERED, Fate.ANSWERED]}


@pytest.mark.parametrize("death", [None, 14])
def test_a_reply_that_counted_as_lost_and_is_found_late_is_intended_before_it_is_recorded(death):
    machine = CrashMachine()
    try:
        machine.open(kind="b", is_terse=True, is_careless=False)
        machine.converse(death=None, fates=ANSWERED)
        machine.converse(death=None, fates={Step.SEND: [Fate.LOST_BEFORE, Fate.ANSWERED]})
        machine.deliver(death=death, fates=ANSWERED, is_history_back=False, pause=0)
        machine.converse(death=None, fates={Step.SEND: [Fate.BLINDED, Fate.ANSWERED]})
        machine.converse(death=None, fates=ANSWERED)
    finally:
        machine.teardown()
    assert machine.wrongs == []
