"""What is old goes, and nothing that keeps a promise goes with it."""

from __future__ import annotations

import asyncio
import math

import pytest

from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.questions import NewQuestion
from mycel_runtime.journal.retention import START, Age, Swept
from mycel_runtime.journal.turns import TurnRecord
from mycel_runtime.journal.utterance import SpokenState
from tests.engines.listening import append
from tests.engines.store_clock import at
from tests.integration.journal.promises.utterances import running, utterance
from tests.integration.journal.samples import (
    ME,
    arrivals,
    bury,
    checkpoint,
    claim_one,
    entry,
    finish,
    happen,
    intent,
    want,
)

LATER = 1_000.0


async def sweep(journal, *, letters=False, kept_numbers=1):
    """All that is there is old by then; whether letters are, is told."""
    at(journal, LATER)
    age = Age(rows=0.0, letters=0.0 if letters else math.inf)
    swept, place = Swept(), START
    while place is not None:
        step = await journal.sweep(place, age, kept_numbers=kept_numbers)
        swept, place = swept.plus(step.swept), step.place
    return swept


async def send(journal, delivery, *, seq, ordinal=0, **more):
    await journal.settle(
        intent(delivery, ordinal, state=IntentState.SENT, message_id=f"m{seq}", message_seq=seq, **more)
    )


class RetentionConformance:
    """Promises of `sweep`."""

    async def test_the_newest_numbers_stay_so_that_a_replay_is_known(self, journal):
        numbered = [entry(seq) for seq in range(1, 11)]
        await append(journal, Batch(identity=ME, arrivals=arrivals(*numbered), checkpoint=checkpoint(10)))

        assert (await sweep(journal, kept_numbers=4)).entries == 6
        assert sorted(await journal.marks(ME, epoch=1, limit=100)) == [7, 8, 9, 10]
        assert await append(journal, Batch(identity=ME, arrivals=arrivals(*numbered[6:]))) == 0

    async def test_what_is_not_old_stays(self, journal):
        numbered = [entry(seq) for seq in range(1, 11)]
        await append(journal, Batch(identity=ME, arrivals=arrivals(*numbered), checkpoint=checkpoint(10)))
        at(journal, LATER)
        age = Age(rows=LATER - 1.0, letters=LATER - 1.0)

        assert not (await journal.sweep(START, age, kept_numbers=1)).swept.rows

    async def test_work_that_is_open_stays_with_its_frame(self, journal):
        await happen(journal, 1, 2, 3)
        await finish(journal, await claim_one(journal))
        running = await claim_one(journal)

        assert (await sweep(journal)).entries == 1
        assert (await at(journal, LATER).finish(running, STAY)).outcome.value == "done"
        assert (await claim_one(journal, now=LATER)).entry.seq == 3

    async def test_a_frame_stays_as_long_as_a_turn_tells_of_it(self, journal, turns):
        await happen(journal, 1, 2)
        record = TurnRecord(kind="chat.message", attempt=1, began_at=0.0, shown={})
        for _ in range(2):
            await at(journal, LATER + 1).finish(await claim_one(journal), STAY, record=record)

        assert (await sweep(journal)).rows == 0
        assert [turn.raw for turn in turns(journal)] == ['{"seq":1}', '{"seq":2}']

    async def test_words_stay_known_while_the_turn_that_said_them_is_open_or_a_dead_letters(self, journal):
        """It would say them again."""
        speaker = await running(journal)
        words = utterance(speaker)
        await journal.utter(words)
        await finish(journal, await claim_one(journal))

        assert (await sweep(journal)).utterances == 0
        await bury(journal, speaker)
        assert (await sweep(journal)).utterances == 0
        assert not await journal.utter(words)
        (letter,) = await journal.dead_letters(ME)
        await journal.drop(ME, letter.dead_letter_id)
        assert (await sweep(journal)).utterances == 1

    async def test_what_the_operator_said_of_a_send_stays(self, journal):
        """Nobody knows which message it is."""
        await want(journal, 1)
        delivery = await claim_one(journal)
        await journal.settle(intent(delivery, state=IntentState.SENT, message_id=None, base_seq=1))
        await finish(journal, delivery, 1)

        assert (await sweep(journal)).sends == 0
        assert (await journal.own_sends(ME, chat_id="c", after_seq=0)).unplaced == {"h": 1}

    async def test_a_send_that_is_forgotten_stays_the_agents_own(self, journal, successor, reader):
        """Also for whoever only looks: it is no other program's."""
        for seq in (5, 7):
            await want(journal, seq)
            delivery = await claim_one(journal)
            await send(journal, delivery, seq=seq + 1, base_seq=seq)
            await finish(journal, delivery, seq + 1)

        assert (await sweep(journal)).sends == 2
        known = await (await successor(journal)).own_sends(ME, chat_id="c", after_seq=0)
        assert (known.message_ids, known.through_seq) == (frozenset(), 8)
        assert await asyncio.to_thread(reader.own_sends, ME, chat_id="c") == known

    async def test_what_an_open_turn_or_a_dead_letters_has_said_stays_known(self, journal):
        await want(journal, 1)
        delivery = await claim_one(journal)
        await send(journal, delivery, seq=2)
        await journal.postpone(delivery, after=0.0, spend=True)

        assert (await sweep(journal)).sends == 0
        delivery = await claim_one(journal)
        assert [each.message_id for each in delivery.intents] == ["m2"]
        await bury(journal, delivery, 1)
        assert (await sweep(journal)).sends == 0
        (letter,) = await journal.dead_letters(ME)
        assert await journal.revive(ME, letter.dead_letter_id)
        assert [each.message_id for each in (await claim_one(journal)).intents] == ["m2"]

    async def test_what_is_still_looked_for_stays_and_so_does_what_would_be_taken_for_it(self, journal):
        await want(journal, 1)
        delivery = await claim_one(journal)
        await journal.settle(intent(delivery, state=IntentState.UNKNOWN, base_seq=1))
        await finish(journal, delivery, 1)
        await want(journal, 2)
        delivery = await claim_one(journal)
        await send(journal, delivery, seq=3, base_seq=2)
        await finish(journal, delivery, 3)

        assert (await sweep(journal)).sends == 0
        (unknown,) = await journal.unresolved(ME)
        assert await journal.message_ids(ME, chat_id="c", after_seq=unknown.base_seq) == {"m3"}
        await journal.resolve(ME, unknown.delivery_id, unknown.turn, unknown.ordinal, is_sent=False)
        assert (await sweep(journal)).sends == 2

    async def test_a_send_that_came_to_nothing_is_looked_for_until_its_turn_is_over(self, journal):
        """Its message may come late; till then one above it would be taken for its own."""
        await happen(journal, 1, chat="c")
        early = await claim_one(journal)
        await journal.settle(intent(early, state=IntentState.REFUSED, base_seq=1))
        await want(journal, 2)
        late = await claim_one(journal)
        await send(journal, late, seq=3, base_seq=2)
        await finish(journal, late, 3)

        assert (await sweep(journal)).sends == 0
        await finish(journal, early)
        assert (await sweep(journal)).sends == 2

    async def test_what_the_loop_guard_counts_stays_until_somebody_attends(self, journal):
        await want(journal, 1)
        delivery = await claim_one(journal)
        await send(journal, delivery, seq=2, is_unattended=True)
        await finish(journal, delivery, 2)

        assert (await sweep(journal)).sends == 0
        await journal.attend(ME, "c")
        assert (await sweep(journal)).sends == 1

    async def test_dead_letters_go_by_an_age_of_their_own_and_are_counted(self, journal, successor):
        await happen(journal, 1, 2)
        for _ in range(2):
            await bury(journal, await claim_one(journal))

        assert (await sweep(journal)).rows == 0
        assert len(await journal.dead_letters(ME)) == 2
        assert (await sweep(journal, letters=True)).letters == 2
        statistics = await (await successor(journal)).statistics(ME)
        assert (statistics.dead_letters, statistics.letters_expired) == (0, 2)

    @pytest.mark.parametrize("is_said", [True, False])
    async def test_words_stay_until_they_are_said_and_are_not_said_again(self, journal, is_said):
        """A tool's caller may ask once more for a day, which is the least that is kept."""
        speaker = await running(journal)
        words = utterance(speaker)
        await journal.utter(words)
        assert (await sweep(journal)).utterances == 0
        await finish(journal, speaker)
        if is_said:
            await finish(journal, await claim_one(journal))

        assert (await sweep(journal)).utterances == is_said
        told = await journal.spoken(words)
        assert told is None if is_said else told.state is SpokenState.WAITING

    async def test_a_question_stays_until_it_is_decided_and_told(self, journal):
        speaker = await running(journal)
        asking = utterance(speaker)
        question = NewQuestion(
            plugin="p", name="q", handler="p.answered", user_id=None, data="1", seconds=50.0
        )
        await journal.utter(asking, question=question)
        await finish(journal, speaker)
        said = await claim_one(journal)
        await journal.settle(intent(said, state=IntentState.SENT, message_id="m2", message_seq=2))
        await journal.finish(said, STAY)
        assert (await sweep(journal)).questions == 0
        (look,) = await journal.claim(ME, limit=9)
        await journal.answer(ME, look.question.entry_id, seq=3, asked=None)
        assert (await sweep(journal)).questions == 0
        assert (await journal.finish(look, CursorMove())).outcome.value == "done"

        await want(journal, 3, handler="p.other")
        assert (await sweep(journal)).questions == 0
        assert await finish(journal, await claim_one(journal), 3)
        swept = await sweep(journal)
        assert (swept.questions, swept.utterances) == (1, 1)
        assert await journal.questions(ME, chat_id=asking.chat_id, after_seq=0) == []
