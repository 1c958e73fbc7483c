"""What was running when a process died."""

from __future__ import annotations

import pytest

from mycel_runtime.journal.delivery import ChatDelivery
from mycel_runtime.journal.suspicion import Suspect, Suspicion
from tests.engines.store_clock import at
from tests.integration.journal.samples import ME, OTHER, claim, claim_any, claim_one, finish, happen, want


async def die(journal, *, suspects=0, now=0.0, **more):
    """Claim so many suspects and whatever else is due; what a successor's lease says of suspects."""
    for _ in range(suspects):
        assert await at(journal, now).claim_suspect(ME)
    await claim(journal, now=now)
    return await at(journal, now).recover(ME, **more)


class DeathConformance:
    @pytest.fixture
    async def two_suspects(self, journal):
        await want(journal, 5, chat="c")
        await want(journal, 5, chat="d", now=1.0)
        assert len(await die(journal, now=2.0)) == 2
        return journal

    async def test_what_was_running_is_suspect_and_claimed_by_itself(self, two_suspects):
        await want(two_suspects, 5, chat="e", now=3.0)

        assert (await claim_one(two_suspects, now=3.0)).chat_id == "e"
        assert (await two_suspects.statistics(ME)).suspects == 2
        first = await at(two_suspects, 3.0).claim_suspect(ME)
        second = await at(two_suspects, 3.0).claim_suspect(ME)
        assert [first.chat_id, second.chat_id] == ["c", "d"]
        assert (first.suspicion, first.attempts) == (Suspicion(deaths=0), 0)
        assert await at(two_suspects, 3.0).claim_suspect(ME) is None

    async def test_what_this_process_runs_goes_on_when_it_takes_over(self, two_suspects):
        await want(two_suspects, 5, chat="e", now=3.0)
        running = await claim_one(two_suspects, now=3.0)
        suspect = await at(two_suspects, 3.0).claim_suspect(ME)

        assert len(await at(two_suspects, 3.0).take_over(ME)) == 2
        assert await claim(two_suspects, now=3.0) == []
        assert (await at(two_suspects, 3.0).claim_suspect(ME)).chat_id == "d"
        assert await finish(two_suspects, running, 5)
        assert await finish(two_suspects, suspect, 5)

    async def test_an_end_that_was_expected_makes_no_suspects(self, journal, successor):
        await want(journal, 5)
        await claim_one(journal)
        await journal.expect_end(ME)
        heir = await successor(journal)

        assert await heir.recover(ME) == []
        assert (await claim_one(heir)).suspicion is None

    async def test_a_journal_that_is_closed_expects_the_end(self, journal, successor):
        await journal.recover(ME)
        await want(journal, 5)
        await claim_one(journal)
        heir = await successor(journal)

        assert await heir.recover(ME) == []

    async def test_a_journal_that_is_abandoned_leaves_what_ran_as_a_killed_process_does(
        self, journal, successor
    ):
        await journal.recover(ME)
        await want(journal, 5)
        ran = await claim_one(journal)
        await journal.abandon()
        heir = await successor(journal)

        assert await heir.recover(ME) == [Suspect(ran.handler, ran.lane, deaths=0)]
        assert (await claim_any(heir))[0].suspicion == Suspicion(deaths=0)

    async def test_an_end_is_expected_once(self, journal, successor):
        await journal.expect_end(ME)
        await journal.expect_end(OTHER)
        await journal.recover(ME)
        await want(journal, 5)
        await claim_one(journal)

        assert len(await journal.recover(ME)) == 1

    async def test_a_death_counts_against_the_only_suspect_that_ran(self, two_suspects):
        """Whatever else ran beside it; that is suspect too from now on, and tried first."""
        await want(two_suspects, 5, chat="e", now=3.0)
        suspects = await die(two_suspects, suspects=1, now=3.0)

        assert [(each.lane, each.deaths) for each in suspects] == [
            ("chat:c", 1),
            ("chat:d", 0),
            ("chat:e", 0),
        ]
        order = [await at(two_suspects, 3.0).claim_suspect(ME) for _ in range(3)]
        assert [each.chat_id for each in order] == ["d", "e", "c"]

    async def test_a_death_counts_against_nobody_if_two_suspects_ran(self, two_suspects):
        suspects = await die(two_suspects, suspects=2, now=3.0)

        assert [each.deaths for each in suspects] == [0, 0]

    async def test_the_first_death_counts_against_nobody(self, journal):
        await want(journal, 5)

        assert await die(journal) == [Suspect("p.messages", "chat:c", 0)]

    async def test_after_a_death_that_counts_a_suspect_waits_and_longer_after_the_second(self, journal):
        await want(journal, 5)
        await die(journal)
        now = 0.0
        for deaths in (1, 2):
            ((_, _, counted),) = await die(journal, suspects=1, now=now, death_pause=5.0)
            due_at = now + 5.0 * deaths**2
            assert counted == deaths
            assert await at(journal, due_at - 0.1).claim_suspect(ME) is None
            assert await journal.next_due_at(ME, after=now) == due_at
            now = due_at

        assert (await at(journal, now).claim_suspect(ME)).suspicion.deaths == 2

    async def test_a_turn_that_ends_clears_of_suspicion(self, two_suspects):
        suspect = await at(two_suspects, 3.0).claim_suspect(ME)
        await finish(two_suspects, suspect, 5)
        await want(two_suspects, 6, now=4.0)

        delivery = await claim_one(two_suspects, now=4.0)
        assert (delivery.chat_id, delivery.suspicion) == ("c", None)
        assert (await two_suspects.statistics(ME)).suspects == 1

    async def test_a_postponed_suspect_stays_one(self, two_suspects):
        suspect = await at(two_suspects, 3.0).claim_suspect(ME)
        await two_suspects.postpone(suspect, after=6.0, spend=True)

        assert await claim(two_suspects, now=9.0) == []
        assert (await at(two_suspects, 9.0).claim_suspect(ME)).chat_id == "d"
        again = await at(two_suspects, 9.0).claim_suspect(ME)
        assert (again.delivery_id, again.attempts) == (suspect.delivery_id, 1)

    async def test_what_a_suspect_was_shown_is_remembered(self, two_suspects):
        suspect = await at(two_suspects, 3.0).claim_suspect(ME)
        await two_suspects.note_shown(suspect, through_seq=4, message_ids=["m3", "m4"])
        await die(two_suspects, now=3.0)
        await at(two_suspects, 3.0).claim_suspect(ME)

        again = await at(two_suspects, 3.0).claim_suspect(ME)
        assert isinstance(again, ChatDelivery)
        assert again.suspicion == Suspicion(deaths=1, through_seq=4, message_ids=("m3", "m4"))

    async def test_a_suspect_event_holds_back_its_successors_only(self, journal):
        await happen(journal, 1, 2)
        await die(journal)
        await happen(journal, 3, lane="relationship:r")

        assert [each.entry.seq for each in await claim(journal)] == [3]
        assert (await journal.claim_suspect(ME)).entry.seq == 1

    async def test_a_suspect_waits_for_its_lane(self, journal):
        await want(journal, 5, handler="p.one")
        await die(journal)
        await want(journal, 5, handler="p.two")
        other = await claim_one(journal)

        assert await journal.claim_suspect(ME) is None
        await finish(journal, other, 5)
        assert (await journal.claim_suspect(ME)).handler == "p.one"
