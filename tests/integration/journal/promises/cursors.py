"""A handler's cursor in a chat."""

from __future__ import annotations

import dataclasses

import pytest

from tests.integration.journal.samples import (
    ME,
    bury,
    chat_work,
    claim,
    claim_one,
    finish,
    handle_through,
    happen,
    want,
)


class ChatConformance:
    async def test_finishing_moves_the_cursor_and_ends_the_turn(self, journal):
        await want(journal, 5)
        first = await claim_one(journal)
        await journal.postpone(first, after=0.0, spend=True)
        await finish(journal, await claim_one(journal), 5)
        await want(journal, 6)
        second = await claim_one(journal)

        assert (first.handled_seq, first.turn, second.handled_seq, second.turn) == (None, 0, 5, 1)
        assert (second.delivery_id, second.attempts) == (first.delivery_id, 0)

    async def test_the_cursor_never_moves_back(self, journal):
        await handle_through(journal, 5)
        await want(journal, 6)
        await finish(journal, await claim_one(journal), 4)
        await want(journal, 7)

        assert (await claim_one(journal)).handled_seq == 5

    async def test_what_is_raised_while_running_stays_due(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        await want(journal, 6)
        await finish(journal, delivery, 5, now=8.0)

        again = await claim_one(journal, now=8.0)
        assert (again.handled_seq, again.wanted_seq, again.due_at) == (5, 6, 8.0)

    async def test_what_was_raised_and_already_read_is_done(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        await want(journal, 6)
        await finish(journal, delivery, 6)

        assert await claim(journal) == []

    async def test_a_number_that_the_history_never_shows_is_looked_for_once(self, journal):
        await want(journal, 5)
        await finish(journal, await claim_one(journal), 3)

        assert await claim(journal) == []
        await want(journal, 4)
        assert (await claim_one(journal)).wanted_seq == 4

    @pytest.mark.parametrize(("told", "looks"), [(5, 1), (4, 1), (2, 0)])
    async def test_a_number_told_again_while_running_is_looked_for_once_more(self, journal, told, looks):
        """The run was to look for 5 and found up to 3; what it is told of meanwhile may be there now."""
        await handle_through(journal, 2)
        await want(journal, 5)
        delivery = await claim_one(journal)
        await want(journal, told)
        await finish(journal, delivery, 3)
        again = await claim(journal)
        for each in again:
            await finish(journal, each, 3)

        assert len(again) == looks
        assert await claim(journal) == []

    async def test_a_finished_delivery_can_ask_for_another_look(self, journal):
        await want(journal, 5)
        await finish(journal, await claim_one(journal), 5, wanted_seq=8)
        again = await claim_one(journal)
        await finish(journal, again, 5)

        assert (again.handled_seq, again.wanted_seq) == (5, 8)
        assert await claim(journal) == []

    async def test_a_level_is_what_has_been_handed_out_or_will_be_to_any_handler(self, journal):
        assert await journal.levels(ME) == {}
        await want(journal, 5)
        wanted = await journal.levels(ME)
        delivery = await claim_one(journal)
        await finish(journal, delivery, 7)

        assert wanted == {delivery.chat_id: 5}
        assert await journal.levels(ME) == {delivery.chat_id: 7}

    async def test_a_handler_that_has_never_looked_begins_where_it_is_told_and_nobody_else_does(
        self, journal
    ):
        work = dataclasses.replace(chat_work(5), after_seq=3)
        await journal.hint(ME, (work,))
        first = await claim_one(journal)
        await finish(journal, first, 5)
        await journal.hint(ME, (dataclasses.replace(work, wanted_seq=9),))

        assert first.handled_seq == 3
        assert (await claim_one(journal)).handled_seq == 5

    async def test_hints_below_the_cursor_are_nothing_new(self, journal):
        await handle_through(journal, 5)
        await want(journal, 5)
        await want(journal, 1)

        assert await claim(journal) == []

    async def test_a_hint_without_a_number_is_one_more_look_at_an_idle_chat(self, journal):
        await handle_through(journal, 5)
        await want(journal, None)
        await finish(journal, await claim_one(journal), 5)

        assert await claim(journal) == []

    async def test_a_hint_without_a_number_is_answered_by_the_look_that_is_due(self, journal):
        await want(journal, 5)
        await want(journal, None)
        await finish(journal, await claim_one(journal), 5)

        assert await claim(journal) == []

    @pytest.mark.parametrize("handled_seq", [5, 6, 9])
    async def test_a_hint_without_a_number_while_running_is_one_more_look(self, journal, handled_seq):
        """However far the run had read: nobody knows whether it read before or after the hint."""
        await want(journal, 5)
        delivery = await claim_one(journal)
        await want(journal, None)
        await finish(journal, delivery, handled_seq)
        again = await claim_one(journal)
        await finish(journal, again, handled_seq)

        assert again.wanted_seq > again.handled_seq == handled_seq
        assert await claim(journal) == []

    async def test_a_hint_without_a_number_is_answered_by_the_retry(self, journal):
        await want(journal, 5)
        delivery = await claim_one(journal)
        await want(journal, None)
        await journal.postpone(delivery, after=0.0, spend=True)
        await finish(journal, await claim_one(journal), 9)

        assert await claim(journal) == []

    async def test_a_hint_without_a_number_outranks_those_of_its_batch(self, journal):
        await handle_through(journal, 5)
        await journal.hint(ME, (chat_work(3), chat_work(None), chat_work(4)))

        assert (await claim_one(journal)).wanted_seq == 6

    async def test_anchoring_reaches_those_without_a_start_only(self, journal):
        await handle_through(journal, 5, handler="p.old")
        await want(journal, 9, handler="p.old")
        await want(journal, 9, handler="p.new", now=1.0)
        await want(journal, 9, chat="d", now=2.0)
        await happen(journal, 1, lane="chat:c", chat="c", now=3.0)
        first, elsewhere = await claim(journal, now=9.0)
        await journal.anchor(ME, first.lane, handled_seq=7)
        await finish(journal, first, 9)
        second = await claim_one(journal, now=9.0)

        assert [first.handled_seq, elsewhere.handled_seq, second.handled_seq] == [5, None, 7]
        assert [first.lane_is_anchored, elsewhere.lane_is_anchored, second.lane_is_anchored] == [
            False,
            False,
            True,
        ]

    async def test_an_anchored_start_is_not_moved(self, journal):
        await want(journal, 5)
        await claim_one(journal)
        await journal.anchor(ME, chat_work(1).lane, handled_seq=0)
        await journal.anchor(ME, chat_work(1).lane, handled_seq=3)
        successor_of_the_claim = await journal.statistics(ME)
        await journal.expect_end(ME)
        await journal.recover(ME)

        assert successor_of_the_claim.running == 1
        assert (await claim_one(journal)).handled_seq == 0

    @pytest.mark.parametrize("end", [bury, finish])
    async def test_a_delivery_that_ends_before_its_anchor_still_has_no_start(self, journal, end):
        """Else the handler would be shown the chat from its first message on."""
        await want(journal, None)
        await end(journal, await claim_one(journal), None)
        await want(journal, 5)

        assert (await claim_one(journal)).handled_seq is None

    async def test_a_chat_without_messages_is_a_start(self, journal):
        await want(journal, None)
        delivery = await claim_one(journal)
        await journal.anchor(ME, delivery.lane, handled_seq=0)
        await finish(journal, delivery, 0)
        await want(journal, 1)

        assert (await claim_one(journal)).handled_seq == 0
