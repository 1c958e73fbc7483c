"""Doubts, holds, holes, and what one handler's turn means for the chat's others."""

from __future__ import annotations

import pytest

from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.hole import Hole
from mycel_runtime.journal.intent import INTENT_TRANSITIONS, IntentEvent, IntentState
from mycel_runtime.journal.own_sends import Unattended
from tests.engines.store_clock import at
from tests.integration.journal.samples import ME, bury, claim, claim_one, finish, handle_through, intent, want


async def both_through(journal, seq):
    """Two handlers of one chat, idle."""
    for handler in ("p.one", "p.two"):
        await handle_through(journal, seq, handler=handler)


OUTCOMES = {IntentEvent.RECORD: IntentState.SENT, IntentEvent.REFUSE: IntentState.REFUSED}


async def happen_to(journal, delivery, event):
    """Let an event happen to the delivery's first intent, as speech and the operator do."""
    match event:
        case IntentEvent.INTEND:
            await journal.intend(delivery, intent(delivery))
        case IntentEvent.PARK:
            await journal.park(delivery, older_than=-99.0)
        case _:
            sent = {"message_id": "m", "message_seq": 6} if event is IntentEvent.RECORD else {}
            await journal.settle(intent(delivery, state=OUTCOMES[event], **sent))


class SpeechConformance:
    @pytest.mark.parametrize(
        ("state", "event"),
        [*INTENT_TRANSITIONS, *((IntentState.SENT, event) for event in IntentEvent)],
    )
    async def test_an_intent_goes_where_its_table_says(self, journal, state, event):
        """Out of `sent` nothing leads; another pair that the table lacks is not asked for by speech."""
        await want(journal, 5)
        delivery = await claim_one(journal)
        await journal.settle(intent(delivery, state=state))
        await happen_to(journal, delivery, event)

        await journal.postpone(delivery, after=0.0, spend=False)
        (known,) = (await claim_one(journal)).intents
        assert known.state in INTENT_TRANSITIONS.get((state, event), {state})

    async def test_a_doubt_is_listed_until_the_operator_resolves_it(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        doubt = intent(delivery, state=IntentState.UNKNOWN, handler="p.messages")
        await journal.settle(doubt)
        key = (ME, delivery.delivery_id, delivery.turn)

        assert await journal.unresolved(ME) == [doubt]
        assert not await journal.resolve(*key, 1, is_sent=True)
        assert await journal.resolve(*key, 0, is_sent=True)
        assert not await journal.resolve(*key, 0, is_sent=False)
        assert await journal.unresolved(ME) == []
        await journal.postpone(delivery, after=0.0, spend=False)
        assert [known.state for known in (await claim_one(journal)).intents] == [IntentState.SENT]

    async def test_only_an_unknown_outcome_is_the_operators_to_tell(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        await journal.intend(delivery, intent(delivery))

        assert not await journal.resolve(ME, delivery.delivery_id, delivery.turn, 0, is_sent=False)

    async def test_a_buried_turn_in_doubt_is_unknown_and_comes_back_with_its_letter(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        said = intent(delivery, 0, state=IntentState.SENT, message_id="m", message_seq=6)
        await journal.settle(said)
        await journal.intend(delivery, intent(delivery, 1))
        await journal.bury(delivery, Letter(reason="r", message_ids=("m4", "m5")), CursorMove(handled_seq=5))

        (letter,) = await journal.dead_letters(ME)
        assert letter.message_ids == ("m4", "m5")
        assert [doubt.state for doubt in await journal.unresolved(ME)] == [IntentState.UNKNOWN]
        await journal.revive(ME, letter.dead_letter_id)
        revived = await claim_one(journal)
        assert [(known.ordinal, known.state) for known in revived.intents] == [
            (0, IntentState.SENT),
            (1, IntentState.UNKNOWN),
        ]

    async def test_a_dropped_letter_is_gone(self, journal):
        await want(journal, 5)
        await bury(journal, await claim_one(journal), 5)
        (letter,) = await journal.dead_letters(ME)

        assert await journal.drop(ME, letter.dead_letter_id)
        assert not await journal.drop(ME, letter.dead_letter_id)
        assert await journal.dead_letters(ME) == []

    async def test_a_record_that_nobody_waited_for_is_there_for_whatever_is_asked_next(
        self, journal, successor
    ):
        await want(journal, 5)
        delivery = await claim_one(journal)
        await journal.intend(delivery, intent(delivery))
        journal.record(intent(delivery, state=IntentState.SENT, message_id="m", message_seq=6))

        assert await journal.unresolved(ME) == []
        assert await journal.message_ids(ME, chat_id="c", after_seq=5) == {"m"}
        journal = await successor(journal)
        assert await journal.unresolved(ME) == []

    async def test_what_a_send_jumped_over_is_work_for_the_chats_other_handlers(self, journal):
        await both_through(journal, 5)
        await want(journal, 6, handler="p.one")
        speaker = await claim_one(journal)
        journal.record(intent(speaker, state=IntentState.SENT, message_id="m", message_seq=8), wanted_seq=8)
        await finish(journal, speaker, 8)

        other = await claim_one(journal, now=9.0)
        assert (other.handler, other.wanted_seq) == ("p.two", 8)

    async def test_after_a_crash_all_handlers_of_the_chat_look_again(self, journal, successor):
        """What the dead process had read as the identity is unread no more, so that no hint will come (Q26)."""
        await both_through(journal, 5)
        await want(journal, 6, handler="p.one")
        await claim_one(journal)
        journal = await successor(journal)
        await at(journal, 1.0).recover(ME)

        other = await claim_one(journal, now=1.0)
        await finish(journal, other, 6, now=1.0)
        suspect = await at(journal, 1.0).claim_suspect(ME)
        assert (other.handler, suspect.handler) == ("p.two", "p.one")

    async def test_a_hole_is_looked_for_once_more_at_its_time(self, journal):
        hole = Hole(seq=4, noticed_at=1.0)
        await want(journal, 5)
        delivery = await claim_one(journal)
        await at(journal, 1.0).finish(delivery, CursorMove(handled_seq=5, holes=(hole,), hole_at=3.0))

        assert await claim(journal, now=2.9) == []
        assert await journal.next_due_at(ME, after=2.0) == 3.0
        again = await claim_one(journal, now=3.0)
        assert (again.holes, again.handled_seq) == ((hole,), 5)
        await finish(journal, again, 5)
        assert await claim(journal, now=99.0) == []

    async def test_a_new_message_does_not_wait_for_a_hole(self, journal):
        await want(journal, 5)
        move = CursorMove(handled_seq=5, holes=(Hole(seq=4, noticed_at=1.0),), hole_at=30.0)
        await at(journal, 1.0).finish(await claim_one(journal), move)
        await want(journal, 6, now=2.0)

        assert (await claim_one(journal, now=2.0)).wanted_seq == 6

    async def test_what_is_said_without_a_human_is_counted_until_one_speaks(self, journal):
        for turn in range(3):
            await want(journal, turn + 5, now=float(turn))
            delivery = await claim_one(journal)
            for ordinal in range(2):
                said = {"handler": "p.messages", "is_unattended": True, "intended_at": float(turn)}
                await journal.settle(intent(delivery, ordinal, state=IntentState.SENT, **said))
            if turn < 2:
                await finish(journal, delivery, turn + 5)

        limits = Unattended(turns=9, chat_sends=9, plugin_sends=9)
        counted = await journal.unattended(delivery, plugin="p", within=1.5, limits=limits)
        assert counted == Unattended(turns=2, chat_sends=4, plugin_sends=4)
        counted = await journal.unattended(delivery, plugin="q", within=1.5, limits=limits)
        assert counted == Unattended(turns=2, chat_sends=4, plugin_sends=0)
        limits = Unattended(turns=1, chat_sends=2, plugin_sends=3)
        assert await journal.unattended(delivery, plugin="p", within=1.5, limits=limits) == limits
        assert await journal.unattended_chats(ME) == {"c"}
        assert not await journal.attend(ME, "c")
        assert (await journal.unattended(delivery, plugin="p", within=2.0, limits=limits)).turns == 0
        assert await journal.unattended_chats(ME) == frozenset()

    async def test_a_hold_outlives_the_process_and_ends_when_it_is_attended(self, journal, successor):
        assert await at(journal, 1.0).hold(ME, "c", reason="r")
        assert not await at(journal, 2.0).hold(ME, "c", reason="again")
        journal = await successor(journal)

        (hold,) = await journal.holds(ME)
        assert (hold.chat_id, hold.reason, hold.held_at) == ("c", "r", 1.0)
        assert await journal.unattended_chats(ME) == {"c"}
        assert await journal.attend(ME, "c")
        assert await journal.holds(ME) == []

    async def test_own_messages_are_known_by_id_or_by_words_where_no_id_is_known(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        chat = {"chat_id": delivery.chat_id}
        sent = intent(delivery, state=IntentState.SENT, message_id="m7", message_seq=7)
        refused = intent(delivery, ordinal=1, state=IntentState.REFUSED, content_hash="b", base_seq=9)
        earlier = intent(delivery, ordinal=2, state=IntentState.REFUSED, content_hash="b", base_seq=8)
        for each in (sent, refused, earlier):
            await journal.settle(each)

        known = await journal.own_sends(ME, after_seq=6, **chat)
        assert (known.message_ids, known.unplaced) == ({"m7"}, {"b": 8})
        assert not (await journal.own_sends(ME, after_seq=7, **chat)).message_ids
        assert not (await journal.own_sends(ME, after_seq=0, chat_id="another")).unplaced
