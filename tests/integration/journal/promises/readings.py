"""How far plugins have read chats: written down with a run's end, and by one of two that read the same."""

from __future__ import annotations

from mycel_runtime.journal.changes import Changes, EndOutcome, ReadMove
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.delivery import UtteranceDelivery
from mycel_runtime.journal.hole import Hole
from tests.integration.journal.promises.utterances import LANE, utterance
from tests.integration.journal.samples import GIVEN_UP, ME, OTHER, claim_any, claim_one, happen, want


async def running(journal, seq, lane="one"):
    await happen(journal, seq, lane=lane)
    return await claim_one(journal)


def move(read_seq, *, made_from=0, chat="c", holes=()):
    return ReadMove(chat_id=chat, read_seq=read_seq, holes=holes, made_from=made_from)


async def end(journal, delivery, *moves):
    return (await journal.finish(delivery, STAY, changes=Changes(reads=moves))).outcome


async def cursor(journal, *, plugin="p", chat="c", identity=ME):
    return await journal.read_cursor(identity, plugin, chat_id=chat)


class ReadingConformance:
    async def test_it_is_the_plugins_in_its_chat_and_of_its_identity(self, journal, successor):
        holes = (Hole(seq=3, noticed_at=0.5),)
        assert await end(journal, await running(journal, 1), move(5, holes=holes)) is EndOutcome.DONE

        journal = await successor(journal)
        assert (await cursor(journal))[:2] == (5, holes)
        for other in ({"plugin": "q"}, {"chat": "d"}, {"identity": OTHER}):
            assert await cursor(journal, **other) is None

    async def test_of_two_that_read_from_the_same_place_the_second_is_refused(self, journal):
        one, other = await running(journal, 1, "one"), await running(journal, 2, "two")
        assert await end(journal, one, move(5)) is EndOutcome.DONE
        assert await end(journal, other, move(7)) is EndOutcome.OUTDATED
        known = await cursor(journal)
        assert known.read_seq == 5
        assert await end(journal, other, move(7, made_from=known.version)) is EndOutcome.DONE
        assert (await cursor(journal)).read_seq == 7

    async def test_a_run_that_is_given_up_or_has_lost_its_claim_has_read_nothing(self, journal, successor):
        lost = await running(journal, 1)
        heir = await successor(journal)
        await heir.recover(ME)
        (again,) = await claim_any(heir)
        assert await end(heir, lost, move(5)) is EndOutcome.LOST
        await heir.bury(again, GIVEN_UP, STAY)
        assert await cursor(heir) is None

    async def test_outside_of_any_delivery_it_is_refused_alike(self, journal):
        for outcome in (EndOutcome.DONE, EndOutcome.OUTDATED):
            assert (await journal.plan(ME, "p", Changes(reads=(move(5),)))).outcome is outcome

    async def test_what_is_said_outside_of_any_delivery_is_made_with_its_end(self, journal):
        made = utterance(await running(journal, 1), delivery_id=-5, turn=0)
        await journal.plan(ME, "p", Changes(utterances=(made,)))

        delivery = await claim_one(journal, now=made.made_at)
        assert type(delivery) is UtteranceDelivery
        assert delivery.utterance == made

    async def test_handlers_begin_where_they_are_anchored_and_stay_known_for_it(self, journal):
        await want(journal, 9)
        assert [each.start_seq for each in (await journal.chat_cursors(ME, LANE)).values()] == [None]
        await journal.anchor(ME, LANE, handled_seq=4)
        await journal.anchor(ME, LANE, handled_seq=6)
        assert [each.start_seq for each in (await journal.chat_cursors(ME, LANE)).values()] == [4]
