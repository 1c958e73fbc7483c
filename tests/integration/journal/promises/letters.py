"""What is given up, and fetched back."""

from __future__ import annotations

from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.delivery import ChatDelivery, EventDelivery, LetterDelivery
from mycel_runtime.journal.hole import Hole
from tests.engines.store_clock import at
from tests.integration.journal.samples import (
    GIVEN_UP,
    ME,
    bury,
    claim,
    claim_one,
    finish,
    handle_through,
    happen,
    intent,
    want,
)


class BurialConformance:
    async def test_a_buried_delivery_leaves_a_letter_and_its_lane_goes_on(self, journal):
        await handle_through(journal, 2)
        await want(journal, 5)
        await journal.postpone(await claim_one(journal), after=0.0, spend=True)
        delivery = await claim_one(journal)
        await want(journal, 6)
        assert await bury(journal, delivery, 5, now=4.0)

        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq, letter.attempts) == (2, 5, 2)
        assert (letter.handler, letter.lane, letter.chat_id) == (
            delivery.handler,
            delivery.lane,
            delivery.chat_id,
        )
        assert (letter.reason, letter.trace, letter.buried_at) == ("ValueError", "t", 4.0)
        behind = await claim_one(journal, now=4.0)
        assert (behind.handled_seq, behind.wanted_seq, behind.turn, behind.attempts) == (5, 6, 2, 0)

    async def test_a_buried_event_lets_its_successor_go(self, journal):
        await happen(journal, 1, 2)
        await bury(journal, await claim_one(journal))

        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq) == (None, None)
        assert (await claim_one(journal)).entry.seq == 2

    async def test_a_reason_that_is_no_text_in_any_encoding_is_escaped(self, journal):
        await want(journal, 1)
        letter = Letter(reason="Reject: \ud83d", trace="h\udcff.py:1 in f")

        assert await journal.bury(await claim_one(journal), letter, CursorMove(handled_seq=1))

        (letter,) = await journal.dead_letters(ME)
        assert (letter.reason, letter.trace) == ("Reject: \\ud83d", "h\\udcff.py:1 in f")

    async def test_letters_are_listed_oldest_first(self, journal):
        for chat in ("one", "two", "three"):
            await want(journal, 1, chat=chat)
            await bury(journal, await claim_one(journal), 1)

        assert [letter.chat_id for letter in await journal.dead_letters(ME)] == ["one", "two", "three"]

    async def test_a_revived_chat_letter_is_due_beside_the_living_chat(self, journal):
        await handle_through(journal, 2)
        await want(journal, 5)
        buried = await claim_one(journal)
        await bury(journal, buried, 5)
        (letter,) = await journal.dead_letters(ME)
        await want(journal, 6, now=3.0)

        assert await at(journal, 2.0).revive(ME, letter.dead_letter_id)
        assert await journal.dead_letters(ME) == []
        revived = await claim_one(journal, now=9.0)
        assert (type(revived), revived.handled_seq, revived.wanted_seq) == (LetterDelivery, 2, 5)
        assert (revived.lane, revived.attempts, revived.due_at) == (buried.lane, 0, 2.0)
        assert revived.delivery_id != buried.delivery_id
        assert await finish(journal, revived, 5)
        living = await claim_one(journal, now=9.0)
        assert (type(living), living.handled_seq, living.wanted_seq) == (ChatDelivery, 5, 6)
        await finish(journal, living, 6)
        assert await claim(journal, now=9.0) == []

    async def test_a_revived_event_has_its_entry_and_its_place(self, journal):
        await happen(journal, 1, 2)
        await bury(journal, await claim_one(journal))
        (letter,) = await journal.dead_letters(ME)
        await at(journal, 5.0).revive(ME, letter.dead_letter_id)

        revived = await claim_one(journal, now=5.0)
        assert (type(revived), revived.entry.seq) == (EventDelivery, 1)

    async def test_a_revived_letter_can_be_buried_again(self, journal):
        await handle_through(journal, 2)
        await want(journal, 5)
        await bury(journal, await claim_one(journal), 5)
        (letter,) = await journal.dead_letters(ME)
        await journal.revive(ME, letter.dead_letter_id)
        await want(journal, 8, now=1.0)
        await bury(journal, await claim_one(journal, now=1.0), 7)

        (again,) = await journal.dead_letters(ME)
        assert (again.after_seq, again.through_seq) == (2, 5)
        assert again.dead_letter_id > letter.dead_letter_id
        living = await claim_one(journal, now=1.0)
        assert (type(living), living.handled_seq, living.wanted_seq) == (ChatDelivery, 5, 8)

    async def test_a_late_number_goes_with_its_letter_and_is_looked_for_no_more(self, journal):
        """Else it is given and buried for ever (Q27)."""
        late, missing = Hole(seq=2, noticed_at=1.0), Hole(seq=4, noticed_at=1.0)
        await want(journal, 5)
        move = CursorMove(handled_seq=5, holes=(late, missing), hole_at=3.0)
        await at(journal, 1.0).finish(await claim_one(journal), move)
        buried = await claim_one(journal, now=3.0)
        move = CursorMove(handled_seq=5, holes=(missing,), hole_at=6.0)
        await at(journal, 3.0).bury(buried, Letter(reason="r", late=(late,)), move)

        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq) == (1, 5)
        assert await claim(journal, now=5.0) == []
        living = await claim_one(journal, now=6.0)
        assert (living.holes, living.handled_seq) == ((missing,), 5)
        await finish(journal, living, 5)
        await at(journal, 7.0).revive(ME, letter.dead_letter_id)
        revived = await claim_one(journal, now=7.0)
        assert ([hole.seq for hole in revived.holes], revived.handled_seq, revived.wanted_seq) == ([2], 5, 5)

    async def test_what_was_told_and_not_read_is_due_no_more_until_there_is_more(self, journal):
        """A wish to look once more raises the level by one each time; nothing must follow it."""
        await handle_through(journal, 2)
        for seq in (None, 4, None, None):
            await want(journal, seq)
        await bury(journal, await claim_one(journal), None)

        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq) == (2, None)
        await want(journal, 4)
        assert await claim(journal) == []
        await want(journal, 5)
        assert (await claim_one(journal)).handled_seq == 2

    async def test_a_number_told_while_more_is_wanted_already_counts_as_told(self, journal):
        await handle_through(journal, 2)
        for seq in (None, None, None, 3):
            await want(journal, seq)
        await bury(journal, await claim_one(journal), None)

        await want(journal, 3)
        assert await claim(journal) == []

    async def test_what_a_newcomer_was_told_of_goes_with_the_letter(self, journal):
        for seq in (None, 4, None, None):
            await want(journal, seq)
        await bury(journal, await claim_one(journal), None)

        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq) == (None, 4)
        await want(journal, 4)
        assert await claim(journal) == []

    async def test_what_a_send_had_before_it_goes_with_the_letter_and_the_rest_is_due(self, journal):
        """Shown once more it would be answered once more."""
        await handle_through(journal, 2)
        await want(journal, 9)
        delivery = await claim_one(journal)
        await journal.intend(delivery, intent(delivery, base_seq=7))
        await bury(journal, delivery, None)

        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq) == (2, 7)
        rest = await claim_one(journal)
        assert (rest.handled_seq, rest.wanted_seq) == (7, 9)

    async def test_a_letter_of_which_nothing_is_known_is_one_and_a_wish_to_look_again(self, journal):
        await handle_through(journal, 2)
        for _ in range(2):
            await want(journal, None)
            await bury(journal, await claim_one(journal), None)
            assert await claim(journal) == []

        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq) == (2, None)
        assert await journal.revive(ME, letter.dead_letter_id)
        assert not await journal.revive(ME, letter.dead_letter_id)
        living = await claim_one(journal)
        assert (type(living), living.handled_seq) == (ChatDelivery, 2)

    async def test_holes_that_could_not_be_looked_for_go_with_the_letter(self, journal):
        late = Hole(seq=2, noticed_at=1.0)
        await want(journal, 5)
        move = CursorMove(handled_seq=5, holes=(late,), hole_at=3.0)
        await at(journal, 1.0).finish(await claim_one(journal), move)
        await bury(journal, await claim_one(journal, now=3.0), None, now=3.0)

        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq) == (1, 5)
        assert await claim(journal, now=99.0) == []

    async def test_a_chats_start_is_none_of_a_revived_letters(self, journal):
        """It is where the server stands now."""
        await want(journal, 5)
        await bury(journal, await claim_one(journal), 5)
        (letter,) = await journal.dead_letters(ME)
        await journal.revive(ME, letter.dead_letter_id)
        await journal.anchor(ME, letter.lane, handled_seq=9)

        revived = await claim_one(journal)
        assert (revived.handled_seq, revived.lane_is_anchored) == (None, True)

    async def test_a_buried_delivery_can_ask_for_another_look(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        await journal.bury(delivery, GIVEN_UP, CursorMove(handled_seq=5, wanted_seq=7))

        assert (await claim_one(journal)).wanted_seq == 7

    async def test_only_an_existing_letter_is_revived(self, journal):
        await want(journal, 1)
        await bury(journal, await claim_one(journal), 1)
        (letter,) = await journal.dead_letters(ME)

        assert not await journal.revive(ME, letter.dead_letter_id + 1)
        assert await journal.revive(ME, letter.dead_letter_id)
        assert not await journal.revive(ME, letter.dead_letter_id)
