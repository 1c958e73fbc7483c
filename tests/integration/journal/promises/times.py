"""Time is the store's: what is due is so by its clock, and nobody tells it what time it is."""

from __future__ import annotations

from mycel_runtime.journal.changes import Changes, NewTimer
from mycel_runtime.journal.intent import IntentState
from tests.engines.store_clock import at
from tests.integration.journal.samples import ME, bury, claim, claim_one, finish, happen, intent, want


class TimeConformance:
    """Promises of `now`, and of what is due."""

    async def test_what_is_due_at_once_is_so_by_the_stores_clock(self, journal):
        told = at(journal, 5.0).now()
        await want(journal, 1)
        await happen(journal, 1)

        assert [each.due_at for each in await claim(journal)] == [5.0, 5.0]
        assert told <= 5.0

    async def test_a_delay_counts_from_when_it_takes_effect(self, journal):
        await want(journal, 1, now=1.0)
        delivery = await claim_one(journal, now=2.0)
        assert await at(journal, 20.0).postpone(delivery, after=5.0, spend=True)

        assert await claim(journal, now=24.9) == []
        assert (await claim_one(journal, now=25.0)).due_at == 25.0

    async def test_what_is_wanted_meanwhile_is_due_when_its_turn_ends(self, journal):
        await want(journal, 1, now=1.0)
        delivery = await claim_one(journal, now=2.0)
        await want(journal, 2, now=3.0)
        assert await finish(journal, delivery, 1, now=7.0)

        assert (await claim_one(journal)).due_at == 7.0

    async def test_a_letter_and_a_hold_have_the_stores_time(self, journal):
        await want(journal, 1)
        assert await bury(journal, await claim_one(journal), now=8.0)
        assert await at(journal, 9.0).hold(ME, "c", reason="r")

        assert [letter.buried_at for letter in await journal.dead_letters(ME)] == [8.0]
        assert [hold.held_at for hold in await journal.holds(ME)] == [9.0]

    async def test_what_becomes_due_since_a_claim_was_begun_is_not_passed_over(self, journal):
        """Whoever asks when to come again says when it looked, and may ask late."""
        await want(journal, 1)
        await journal.postpone(await claim_one(journal), after=10.0, spend=False)
        looked_at = at(journal, 9.0).now()
        assert await claim(journal) == []

        assert await at(journal, 11.0).next_due_at(ME, after=looked_at) == 10.0

    async def test_a_timer_that_becomes_due_since_it_was_looked_for_is_not_passed_over(self, journal):
        timer = NewTimer(name="t", key="", due_at=10.0, data="null", is_relative=True)
        await journal.plan(ME, "p", Changes(timers=(timer,)))
        looked_at = at(journal, 9.0).now()
        assert await journal.timers_due(ME, names={("p", "t")}, limit=9) == []

        assert await at(journal, 11.0).next_timer_at(ME, after=looked_at) == 10.0

    async def test_only_what_is_old_by_the_stores_clock_is_parked(self, journal):
        await want(journal, 1)
        delivery = await claim_one(journal)
        for ordinal, intended_at in enumerate((1.0, 5.0)):
            await journal.intend(delivery, intent(delivery, ordinal, intended_at=intended_at))

        parked = await at(journal, 10.0).park(delivery, older_than=6.0)
        assert [(each.ordinal, each.state) for each in parked] == [(0, IntentState.UNKNOWN)]
