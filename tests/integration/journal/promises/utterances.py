"""What is said first: made once, kept until it is said, and work in its chat's lane."""

from __future__ import annotations

import dataclasses

from mycel_runtime.journal.cursor import ChatCursor
from mycel_runtime.journal.delivery import UtteranceDelivery
from mycel_runtime.journal.ids import Lane
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.utterance import Spoken, SpokenState, Utterance
from mycel_runtime.wire.ids import MessageSeq
from tests.engines.store_clock import at
from tests.integration.journal.samples import (
    ME,
    OTHER,
    bury,
    claim,
    claim_any,
    claim_one,
    finish,
    handle_through,
    happen,
    intent,
    want,
)

LANE = Lane("chat:c")


def utterance(delivery, ordinal=0, *, content="hello", chat="c", **more):
    fields = {
        "identity": ME,
        "handler": delivery.handler,
        "lane": f"chat:{chat}",
        "chat_id": chat,
        "delivery_id": delivery.delivery_id,
        "turn": delivery.turn,
        "ordinal": ordinal,
        "content": content,
        "mentions": ("u",),
        "made_at": 1.0,
    }
    return Utterance(**fields | more)


async def running(journal, seq=1):
    """An event's delivery, which speaks."""
    await happen(journal, seq)
    return await claim_one(journal)


class UtteranceConformance:
    async def test_an_utterance_is_work_of_its_chats_lane_with_all_that_it_needs(self, journal):
        made = utterance(await running(journal))

        assert await at(journal, 2.0).utter(made)
        assert await claim(journal, now=1.0) == []
        (delivery,) = await claim(journal, now=2.0)
        assert type(delivery) is UtteranceDelivery
        assert (delivery.utterance, delivery.lane, delivery.chat_id) == (made, LANE, "c")
        assert (delivery.handler, delivery.attempts, delivery.intents) == (made.handler, 0, ())
        assert "hello" not in repr(delivery) + delivery.entry.raw

    async def test_the_nth_of_a_turn_in_a_chat_is_made_once(self, journal, successor):
        speaker = await running(journal)
        assert await journal.utter(utterance(speaker))

        heir = await successor(journal)
        await heir.recover(ME)
        (again,) = [each for each in await claim_any(heir) if each.delivery_id == speaker.delivery_id]
        assert not await heir.utter(utterance(again, content="other words"))
        assert await heir.utter(utterance(again, 1))
        assert await heir.utter(utterance(again, chat="d"))
        assert (await heir.statistics(ME)).due + (await heir.statistics(ME)).running == 4

    async def test_it_is_behind_what_is_due_in_its_lane_and_in_the_order_of_its_handlers_words(self, journal):
        speaker = await running(journal)
        await want(journal, 5, now=1.0)
        for ordinal in (0, 1):
            await at(journal, 2.0).utter(utterance(speaker, ordinal))

        answered = await claim_one(journal, now=3.0)
        assert answered.handler == "p.messages"
        await finish(journal, answered, 5)
        for ordinal in (0, 1):
            delivery = await claim_one(journal, now=3.0)
            assert delivery.utterance.ordinal == ordinal
            assert await finish(journal, delivery)

    async def test_a_later_one_waits_for_an_earlier_one_that_is_put_off(self, journal):
        speaker = await running(journal)
        for ordinal in (0, 1):
            await journal.utter(utterance(speaker, ordinal))
        await journal.postpone(await claim_one(journal), after=9.0, spend=True)

        assert await claim(journal, now=8.0) == []
        delivery = await claim_one(journal, now=9.0)
        assert (delivery.utterance.ordinal, delivery.attempts) == (0, 1)

    async def test_its_words_go_with_its_end_and_stay_with_its_letter(self, journal):
        speaker = await running(journal)
        await journal.utter(utterance(speaker))
        await bury(journal, await claim_one(journal))
        (letter,) = await journal.dead_letters(ME)
        assert (letter.handler, letter.lane, letter.chat_id) == (speaker.handler, LANE, "c")
        await journal.revive(ME, letter.dead_letter_id)
        revived = await claim_one(journal)
        assert revived.utterance.content == "hello"

        await journal.postpone(revived, after=0.0, spend=False)
        again = await claim_one(journal)
        assert not await finish(journal, revived)
        assert again.utterance.content == "hello"
        assert await finish(journal, again)
        assert await claim(journal) == []
        assert not await journal.utter(utterance(speaker))

    async def test_a_dropped_letters_words_are_erased(self, journal):
        await journal.utter(utterance(await running(journal)))
        await bury(journal, await claim_one(journal))
        (letter,) = await journal.dead_letters(ME)

        assert await journal.drop(ME, letter.dead_letter_id)
        assert await claim(journal) == []

    async def test_its_intents_come_back_with_its_letter(self, journal):
        await journal.utter(utterance(await running(journal)))
        delivery = await claim_one(journal)
        await journal.intend(delivery, intent(delivery))
        await bury(journal, delivery)
        (letter,) = await journal.dead_letters(ME)
        await journal.revive(ME, letter.dead_letter_id)

        assert [known.content_hash for known in (await claim_one(journal)).intents] == ["h"]

    async def test_a_revived_turn_says_nothing_twice(self, journal):
        speaker = await running(journal)
        await at(journal, 5.0).utter(utterance(speaker))
        await bury(journal, speaker, now=0.0)
        (letter,) = await journal.dead_letters(ME)
        await journal.revive(ME, letter.dead_letter_id)
        revived = await claim_one(journal)

        assert revived.delivery_id != speaker.delivery_id
        assert not await journal.utter(utterance(revived))
        assert await journal.utter(utterance(revived, 1))

    async def test_it_knows_how_far_its_chat_was_known_when_it_was_made(self, journal):
        speaker = await running(journal)
        await at(journal, 9.0).utter(utterance(speaker))
        await handle_through(journal, 5, now=0.0)
        await handle_through(journal, 7, handler="p.two")
        await at(journal, 9.0).utter(utterance(speaker, 1))
        await want(journal, 9, now=99.0)
        await at(journal, 9.0).utter(utterance(speaker, 2))

        known = []
        while claimed := await claim(journal, now=9.0):
            known.append(claimed[0].utterance.known_seq)
            await finish(journal, claimed[0])
        assert known == [None, 7, 9]

    async def test_it_keeps_how_far_whoever_speaks_knows_the_chat_whatever_it_knows_itself(self, journal):
        speaker = await running(journal)
        await at(journal, 9.0).utter(dataclasses.replace(utterance(speaker), known_seq=3))
        await handle_through(journal, 5, now=0.0)
        await at(journal, 9.0).utter(dataclasses.replace(utterance(speaker, 1), known_seq=3))

        known = []
        while claimed := await claim(journal, now=9.0):
            known.append(claimed[0].utterance.known_seq)
            assert await finish(journal, claimed[0])
        assert known == [3, 3]

    async def test_cursors_of_a_chat_tell_how_far_each_handler_is(self, journal):
        await handle_through(journal, 5)
        await want(journal, 7)
        await want(journal, 3, handler="p.two")
        await want(journal, 3, chat="d")
        await want(journal, 3, identity=OTHER)

        assert await journal.chat_cursors(ME, LANE) == {
            "p.messages": ChatCursor(5, 7, 0),
            "p.two": ChatCursor(None, 3, 0),
        }
        await bury(journal, (await claim(journal))[0])
        assert (await journal.chat_cursors(ME, LANE))["p.messages"].shown_seq >= 5

    async def test_after_a_death_the_chats_handlers_look_again(self, journal, successor):
        """What it may have read is unread no more."""
        await handle_through(journal, 5)
        await journal.utter(utterance(await running(journal)))
        await claim_one(journal)

        heir = await successor(journal)
        await heir.recover(ME)
        assert (await heir.chat_cursors(ME, LANE))["p.messages"].wanted_seq == 6

    async def test_what_became_of_it_is_known_afterwards(self, journal):
        made = utterance(await running(journal))
        assert await journal.spoken(made) is None
        await journal.utter(made)
        assert await journal.spoken(made) == Spoken(SpokenState.WAITING)

        await bury(journal, await claim_one(journal))
        assert (await journal.spoken(made)).state is SpokenState.BURIED
        (letter,) = await journal.dead_letters(ME)
        await journal.revive(ME, letter.dead_letter_id)
        assert (await journal.spoken(made)).state is SpokenState.WAITING

        delivery = await claim_one(journal)
        await journal.settle(
            intent(delivery, state=IntentState.SENT, message_id="m", message_seq=MessageSeq(7))
        )
        await finish(journal, delivery)
        assert await journal.spoken(made) == Spoken(SpokenState.SAID, seq=7, message_id="m")

    async def test_one_that_ends_without_a_send_is_unsaid(self, journal):
        made = utterance(await running(journal))
        await journal.utter(made)
        delivery = await claim_one(journal)
        await journal.settle(intent(delivery, state=IntentState.REFUSED))
        await finish(journal, delivery)

        assert await journal.spoken(made) == Spoken(SpokenState.UNSAID)
