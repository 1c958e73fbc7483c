"""Several identities in one store, and the counts of each."""

from __future__ import annotations

from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.delivery import ChatDelivery, EventDelivery
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.summary import JournalStatistics, Waiting
from tests.engines.listening import append
from tests.engines.store_clock import at
from tests.integration.journal.samples import (
    ME,
    OTHER,
    arrivals,
    bury,
    chat_work,
    checkpoint,
    claim,
    claim_one,
    entry,
    event_work,
    finish,
    happen,
    intent,
    want,
)


class IdentityConformance:
    async def test_statistics_count_what_is_there(self, journal):
        await happen(journal, 1, 2, now=4.0)
        await want(journal, 5, now=3.0)
        await want(journal, 5, chat="d", now=2.0)
        await want(journal, 1, chat="e", now=1.0)
        buried = await claim_one(journal, now=1.0)
        await bury(journal, buried, 1)
        running = await claim_one(journal, now=2.0)
        await journal.intend(running, intent(running, 0))
        await journal.settle(intent(running, 1, state=IntentState.UNKNOWN))
        await journal.settle(intent(running, 2, state=IntentState.REFUSED))

        assert await journal.statistics(ME) == JournalStatistics(
            suspects=0,
            entries=2,
            due=3,
            running=1,
            lanes=2,
            oldest_due_at=3.0,
            intents_unsettled=1,
            intents_unknown=1,
            dead_letters=1,
        )

    async def test_what_waits_longest_is_known_by_its_first_time(self, journal):
        """Each attempt postpones it, and yet it has waited since the first."""
        assert await journal.oldest_waiting(ME) is None
        await want(journal, 5, now=1.0)
        oldest = await claim_one(journal, now=1.0)
        assert (await journal.oldest_waiting(ME)).since == 1.0
        await journal.postpone(oldest, after=8.0, spend=True, error="ValueError (mine.py:3 in answer)")
        again = await claim_one(journal, now=9.0)
        await want(journal, 5, chat="d", now=9.0)
        await journal.postpone(again, after=21.0, spend=True)

        assert await journal.oldest_waiting(ME) == Waiting(
            delivery_id=oldest.delivery_id,
            handler="p.messages",
            lane="chat:c",
            chat_id="c",
            state="due",
            attempts=2,
            since=1.0,
            due_at=30.0,
            last_error="ValueError (mine.py:3 in answer)",
        )

        _, last = await claim(journal, now=30.0)
        assert await finish(journal, last, 5)
        assert (await journal.oldest_waiting(ME)).chat_id == "d"

    async def test_two_identities_do_not_disturb_each_other(self, journal):
        for identity in (ME, OTHER):
            batch = Batch(
                identity=identity,
                arrivals=arrivals(entry(1, identity=identity), events=[event_work()]),
                hints=(chat_work(5),),
                checkpoint=checkpoint(1, identity=identity),
            )
            assert await append(journal, batch) == 1
        mine = await claim(journal)
        sent = intent(mine[0], state=IntentState.SENT, message_id="m", message_seq=6, chat_id="c")
        await journal.settle(sent)
        await journal.anchor(ME, chat_work(1).lane, handled_seq=4)
        await bury(journal, mine[0])
        before = await journal.statistics(OTHER)
        await at(journal, 9.0).recover(OTHER)
        await append(journal, Batch(identity=ME, checkpoint=checkpoint(8)))

        assert {each.identity for each in mine} == {ME}
        assert (await journal.statistics(ME)).running == 1
        assert await journal.statistics(OTHER) == before
        assert await journal.dead_letters(OTHER) == []
        assert await journal.message_ids(OTHER, chat_id="c", after_seq=0) == frozenset()
        assert await journal.checkpoint(OTHER) == checkpoint(1, identity=OTHER)
        theirs = await claim(journal, identity=OTHER)
        assert [each.identity for each in theirs] == [OTHER, OTHER]
        assert {type(each) for each in theirs} == {ChatDelivery, EventDelivery}
        assert [each.handled_seq for each in theirs if isinstance(each, ChatDelivery)] == [None]

    async def test_an_identitys_letters_and_questions_are_nobody_elses_to_decide(self, journal):
        """Numbers are the store's: an operator of one agent may name another one's."""
        await want(journal, 5, identity=OTHER)
        (theirs,) = await claim(journal, identity=OTHER)
        await bury(journal, theirs, 5)
        (letter,) = await journal.dead_letters(OTHER)

        assert not await journal.revive(ME, letter.dead_letter_id)
        assert not await journal.drop(ME, letter.dead_letter_id)
        assert await journal.dead_letters(OTHER) == [letter]
        assert await journal.revive(OTHER, letter.dead_letter_id)
