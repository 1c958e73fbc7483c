"""What the operator gives up before it is tried, and fetches back."""

from __future__ import annotations

from mycel_runtime.journal.backlog import ReadSpan
from mycel_runtime.journal.delivery import ChatDelivery, LetterDelivery
from tests.engines.store_clock import at
from tests.integration.journal.samples import (
    ME,
    claim,
    claim_one,
    finish,
    handle_through,
    happen,
    intent,
    want,
)

WHY = "skipped by the operator"


def span(through_seq, *, handled_seq=None, wanted_seq=9, after_seq=0, newest_seq=0):
    return ReadSpan(
        handled_seq=handled_seq,
        wanted_seq=wanted_seq,
        after_seq=after_seq,
        through_seq=through_seq,
        newest_seq=max(newest_seq, through_seq),
        messages=2,
    )


async def waiting(journal):
    return await journal.backlog(ME, chat_id=None, after=0, limit=100)


async def skip(journal, delivery_id, **more):
    return await at(journal, 4.0).skip(ME, delivery_id, reason=WHY, **more)


class SkipConformance:
    async def test_what_waits_is_listed_with_why_its_last_attempt_failed(self, journal):
        await want(journal, 5, now=1.0)
        await journal.postpone(await claim_one(journal, now=1.0), after=8.0, spend=True, error="ValueError")
        await happen(journal, 1, 2, now=3.0)
        running = await claim_one(journal, now=3.0)

        first, second, third = await journal.work(ME, limit=10)
        assert (first.delivery_id, first.state, first.event) == (
            running.delivery_id,
            "running",
            "chat.message",
        )
        assert (second.is_behind, second.state) == (True, "due")
        assert (third.attempts, third.since, third.due_at, third.last_error) == (1, 1.0, 9.0, "ValueError")
        assert await journal.work_item(ME, third.delivery_id) == third
        assert len(await journal.work(ME, limit=1)) == 2
        assert await finish(journal, running)
        assert await journal.work_item(ME, running.delivery_id) is None

    async def test_a_skipped_chat_is_a_letter_that_comes_back_and_an_idle_chat(self, journal):
        await handle_through(journal, 2)
        await want(journal, 5)
        (chat,) = await waiting(journal)
        skipped = await skip(journal, chat.delivery_id)

        (letter,) = await journal.dead_letters(ME)
        assert (letter.dead_letter_id, letter.after_seq, letter.through_seq) == (skipped.dead_letter_id, 2, 5)
        assert (letter.reason, letter.attempts, letter.skip_id, letter.messages) == (WHY, 0, None, None)
        assert await claim(journal, now=4.0) == []
        assert await at(journal, 5.0).revive(ME, letter.dead_letter_id)
        revived = await claim_one(journal, now=5.0)
        assert (type(revived), revived.handled_seq, revived.wanted_seq) == (LetterDelivery, 2, 5)

    async def test_what_is_newer_than_what_was_read_stays_due(self, journal):
        await handle_through(journal, 2)
        await want(journal, 5)
        (chat,) = await waiting(journal)
        await skip(journal, chat.delivery_id, read=span(4, handled_seq=2, after_seq=2))

        living = await claim_one(journal, now=4.0)
        assert (type(living), living.handled_seq, living.wanted_seq, living.turn) == (ChatDelivery, 4, 5, 2)
        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq, letter.messages) == (2, 4, 2)

    async def test_what_was_read_behind_its_end_or_announced_since_stays_due_whatever_its_number(
        self, journal
    ):
        """A hint without a number says no more than: look once more."""
        for chat in ("read", "announced"):
            await handle_through(journal, 2, chat=chat)
        for chat in ("read", "announced"):
            await want(journal, None, chat=chat)
        read, announced = await waiting(journal)
        await want(journal, None, chat="announced")
        for chat, newest_seq in ((read, 8), (announced, 7)):
            part = span(7, handled_seq=2, wanted_seq=3, after_seq=2, newest_seq=newest_seq)
            await skip(journal, chat.delivery_id, read=part)

        assert {each.chat_id: each.wanted_seq for each in await claim(journal, now=4.0)} == {
            "read": 8,
            "announced": 8,
        }

    async def test_a_newcomers_letter_begins_where_it_would_have(self, journal):
        await want(journal, 5)
        (chat,) = await waiting(journal)
        await skip(journal, chat.delivery_id, read=span(5, after_seq=3))

        (letter,) = await journal.dead_letters(ME)
        assert (letter.after_seq, letter.through_seq) == (3, 5)
        assert await claim(journal, now=4.0) == []

    async def test_what_runs_or_has_moved_since_it_was_read_is_left_alone(self, journal):
        await handle_through(journal, 2)
        await want(journal, 5)
        (chat,) = await waiting(journal)
        running = await claim_one(journal)
        assert await skip(journal, running.delivery_id) is None
        assert await finish(journal, running, 5)
        await want(journal, 7)

        assert await skip(journal, chat.delivery_id, read=span(7, handled_seq=2, after_seq=2)) is None
        assert (await claim_one(journal)).handled_seq == 5
        assert not await journal.dead_letters(ME)

    async def test_what_a_failed_attempt_has_said_goes_with_its_letter_and_is_never_cut_off(self, journal):
        """Else what is left would be answered by a turn that knows nothing of it."""
        await handle_through(journal, 2)
        await want(journal, 5)
        failed = await claim_one(journal)
        said = intent(failed, base_seq=5)
        await journal.intend(failed, said)
        await journal.postpone(failed, after=0.0, spend=True)

        assert await skip(journal, failed.delivery_id, read=span(4, handled_seq=2, after_seq=2)) is None
        skipped = await skip(journal, failed.delivery_id, read=span(5, handled_seq=2, after_seq=2))
        assert await at(journal, 5.0).revive(ME, skipped.dead_letter_id)
        (again,) = (await claim_one(journal, now=5.0)).intents
        assert (again.ordinal, again.base_seq, again.state) == (0, 5, "unknown")

    async def test_all_of_a_skip_is_one_letter_to_whoever_counts_tries_again_or_drops_it(self, journal):
        for chat in ("one", "two", "three"):
            await want(journal, 5, chat=chat)
        number = None
        for chat in await waiting(journal):
            skipped = await skip(journal, chat.delivery_id, read=span(5, after_seq=1), skip_id=number)
            number = number or skipped.dead_letter_id

        assert [letter.skip_id for letter in await journal.dead_letters(ME)] == [number] * 3
        assert (await journal.statistics(ME)).dead_letters == 1
        assert await at(journal, 5.0).revive(ME, number)
        assert not await journal.dead_letters(ME)
        revived = await claim(journal, now=5.0)
        assert sorted(each.chat_id for each in revived) == ["one", "three", "two"]
        assert not await journal.drop(ME, number)

    async def test_a_skip_that_is_dropped_is_gone(self, journal):
        await want(journal, 5)
        (chat,) = await waiting(journal)
        skipped = await skip(journal, chat.delivery_id, read=span(5, after_seq=1))
        assert await journal.drop(ME, skipped.dead_letter_id)

        assert not await journal.dead_letters(ME)
        assert not await at(journal, 5.0).revive(ME, skipped.dead_letter_id)

    async def test_a_skipped_event_lets_its_successor_go_and_comes_back_before_it(self, journal):
        await happen(journal, 1, 2)
        first, _ = await journal.work(ME, limit=10)
        skipped = await skip(journal, first.delivery_id)

        assert await at(journal, 4.0).revive(ME, skipped.dead_letter_id)
        seen = []
        while claimed := await claim(journal, now=4.0):
            seen += [each.entry.seq for each in claimed]
            await finish(journal, claimed[0])
        assert seen == [1, 2]

    async def test_of_a_chat_of_which_nobody_knows_anything_new_the_letter_is_a_wish_to_look(self, journal):
        await want(journal, None)
        (chat,) = await waiting(journal)
        skipped = await skip(journal, chat.delivery_id)

        assert await claim(journal, now=4.0) == []
        assert await at(journal, 5.0).revive(ME, skipped.dead_letter_id)
        assert (await claim_one(journal, now=5.0)).handled_seq is None
