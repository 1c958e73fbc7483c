"""What is asked: made once, decided once, and its handler told of that."""

from __future__ import annotations

from mycel_runtime.journal.changes import Firing
from mycel_runtime.journal.delivery import AnswerDelivery, UtteranceDelivery
from mycel_runtime.journal.ids import Lane
from mycel_runtime.journal.intent import IntentState
from mycel_runtime.journal.questions import AskedPlace, NewQuestion, QuestionState
from tests.engines.store_clock import at
from tests.integration.journal.promises.utterances import running, utterance
from tests.integration.journal.samples import ME, OTHER, bury, claim, claim_any, claim_one, finish, intent

LANE = Lane("chat:c")


def question(name="q", *, seconds=60.0, user_id="u"):
    return NewQuestion(
        plugin="p", name=name, handler="p.answered", user_id=user_id, data='{"a":1}', seconds=seconds
    )


async def asked(journal, *, asks=None):
    """A question whose words are to be said: the utterance's delivery."""
    speaker = await running(journal)
    assert await journal.utter(utterance(speaker), question=asks or question())
    await finish(journal, speaker)
    delivery = await claim_one(journal)
    assert type(delivery) is UtteranceDelivery
    return delivery


async def opened(journal, seq=5, *, asks=None):
    """One whose words stand, after the look at what came meanwhile."""
    delivery = await asked(journal, asks=asks)
    await journal.settle(
        intent(delivery, handler=delivery.handler, state=IntentState.SENT, message_id="m", message_seq=seq)
    )
    assert await finish(journal, delivery)
    look = await claim_one(journal)
    assert type(look) is AnswerDelivery
    assert await finish(journal, look)
    return look.question


async def overdue(journal, now=100.0):
    """The time of all that is asked is over."""
    timers = await journal.timers(ME)
    firings = [Firing(timer=timer, work=None, question_id=int(timer.key)) for timer in timers]
    assert await at(journal, now).fire(ME, firings) == len(firings)


async def state_of(journal, after_seq=0):
    known = await journal.questions(ME, chat_id="c", after_seq=after_seq)
    return [each.state for each in known]


class QuestionConformance:
    async def test_a_question_is_made_with_its_utterance_and_the_end_of_its_time(self, journal):
        delivery = await asked(journal)

        (made,) = await journal.questions(ME, chat_id="c", after_seq=0)
        assert (made.state, made.asked, made.user_id, made.data) == (QuestionState.MADE, None, "u", '{"a":1}')
        (timer,) = await journal.timers(ME)
        assert (timer.plugin, timer.name, timer.due_at, timer.is_relative) == ("p", "?q", 61.0, True)
        assert '"a"' not in repr(made) + delivery.entry.raw
        assert await journal.questions(OTHER, chat_id="c", after_seq=0) == []

    async def test_the_nth_of_a_turn_is_asked_once(self, journal, successor):
        speaker = await running(journal)
        assert await journal.utter(utterance(speaker), question=question())
        heir = await successor(journal)
        await heir.recover(ME)
        (again,) = [each for each in await claim_any(heir) if each.delivery_id == speaker.delivery_id]
        assert not await heir.utter(utterance(again), question=question())

        assert len(await heir.timers(ME)) == 1
        assert await state_of(heir) == [QuestionState.MADE]

    async def test_it_is_open_when_its_words_stand_and_looked_at_once(self, journal):
        known = await opened(journal)

        assert (known.state, known.asked) == (QuestionState.OPEN, AskedPlace(5, "m"))
        assert await claim(journal) == []

    async def test_words_that_will_never_stand_are_told(self, journal):
        assert await finish(journal, await asked(journal))

        delivery = await claim_one(journal)
        assert delivery.question.state is QuestionState.UNSAID
        assert await journal.timers(ME) == []

    async def test_an_answer_is_given_once_and_its_handler_has_work_until_it_has_ended(self, journal):
        known = await opened(journal)
        for seq in (7, 8):
            stands = await journal.answer(ME, known.entry_id, seq=seq, asked=None)
            assert (stands.state, stands.closed_seq) == (QuestionState.ANSWERED, 7)
        assert await journal.timers(ME) == []
        assert await journal.untold_answers(ME, LANE) == {"p.answered"}

        delivery = await claim_one(journal)
        assert (delivery.handler, delivery.lane, delivery.chat_id) == ("p.answered", LANE, "c")
        assert (delivery.handled_seq, delivery.wanted_seq, delivery.is_answered) == (6, 7, True)
        assert delivery.question.data == '{"a":1}'
        assert await finish(journal, delivery)
        assert await claim(journal) == []
        assert await journal.untold_answers(ME, LANE) == frozenset()
        assert await state_of(journal, after_seq=6) == [QuestionState.ANSWERED]
        assert await state_of(journal, after_seq=7) == []

    async def test_time_makes_it_overdue_and_then_the_first_decision_stands(self, journal):
        known = await opened(journal)
        assert (await journal.time_out(ME, known.entry_id, looked_seq=6, asked=None)).is_undecided
        await overdue(journal)
        assert (await claim_one(journal, now=100.0)).question.state is QuestionState.OVERDUE
        stands = await at(journal, 100.0).answer(ME, known.entry_id, seq=7, asked=None)
        late = await at(journal, 100.0).time_out(ME, known.entry_id, looked_seq=9, asked=None)

        assert stands == late
        assert stands.state is QuestionState.ANSWERED

    async def test_one_that_times_out_is_not_answered_any_more(self, journal):
        known = await opened(journal)
        await overdue(journal)
        delivery = await claim_one(journal, now=100.0)
        stands = await at(journal, 100.0).time_out(ME, known.entry_id, looked_seq=6, asked=None)
        assert (stands.state, stands.closed_seq) == (QuestionState.TIMED_OUT, 6)
        assert (await at(journal, 100.0).answer(ME, known.entry_id, seq=7, asked=None)) == stands

        assert await finish(journal, delivery)
        assert await claim(journal, now=200.0) == []

    async def test_one_that_is_not_said_in_time_is_not_said_any_more(self, journal):
        words = await asked(journal)
        await journal.postpone(words, after=500.0, spend=False)
        await overdue(journal)
        delivery = await claim_one(journal, now=100.0)
        stands = await at(journal, 100.0).time_out(ME, delivery.question.entry_id, looked_seq=0, asked=None)

        assert stands.state is QuestionState.UNSAID
        assert await finish(journal, delivery)
        assert (await claim_one(journal, now=600.0)).utterance.content is None

    async def test_words_that_were_sent_by_who_died_are_found_by_their_hash(self, journal):
        words = await asked(journal)
        await journal.intend(words, intent(words, handler=words.handler, base_seq=4))
        (made,) = await journal.questions(ME, chat_id="c", after_seq=0)
        assert (made.asked, made.pending_hash, made.pending_seq) == (None, "h", 4)
        await journal.settle(
            intent(words, handler=words.handler, state=IntentState.SENT, message_id="m", message_seq=5)
        )
        (made,) = await journal.questions(ME, chat_id="c", after_seq=0)
        assert (made.asked, made.pending_hash) == (AskedPlace(5, "m"), None)

        await journal.answer(ME, made.entry_id, seq=6, asked=made.asked)
        assert await finish(journal, words)
        delivery = await claim_one(journal)
        assert (delivery.question.asked, delivery.question.closed_seq) == (AskedPlace(5, "m"), 6)

    async def test_a_look_is_made_again_for_what_came_while_it_was_made(self, journal):
        await opened(journal)
        assert await journal.look_for_answers(ME, ["c", "d"]) == 1
        look = await claim_one(journal)
        assert await at(journal, 1.0).look_for_answers(ME, ["c"]) == 1
        assert await finish(journal, look, now=1.0)

        assert await finish(journal, await claim_one(journal, now=1.0))
        assert await claim(journal, now=2.0) == []

    async def test_a_look_that_fails_is_no_dead_letter(self, journal):
        await opened(journal)
        await journal.look_for_answers(ME, ["c"])
        assert await bury(journal, await claim_one(journal))

        assert await journal.dead_letters(ME) == []
        assert await journal.look_for_answers(ME, ["c"]) == 1

    async def test_an_answer_that_is_given_up_comes_back_with_its_letter(self, journal):
        known = await opened(journal)
        await journal.answer(ME, known.entry_id, seq=7, asked=None)
        assert await bury(journal, await claim_one(journal))
        (letter,) = await journal.dead_letters(ME)
        assert await journal.revive(ME, letter.dead_letter_id)

        delivery = await claim_one(journal)
        assert (delivery.is_revived, delivery.question.data) == (True, '{"a":1}')

    async def test_a_dropped_letters_question_is_told_as_unsaid(self, journal):
        assert await bury(journal, await asked(journal))
        assert await state_of(journal) == [QuestionState.MADE]
        (letter,) = await journal.dead_letters(ME)
        assert await journal.drop(ME, letter.dead_letter_id)

        assert (await claim_one(journal)).question.state is QuestionState.UNSAID

    async def test_a_start_takes_over_what_is_handled_and_forgets_the_rest(self, journal):
        await opened(journal)
        handlers = {("p", "q"): "p.renamed"}
        known = await journal.adopt_questions(ME, handlers=handlers, kept=())
        assert (known.chats, list(known.forgotten)) == ({"c"}, [])
        look = await claim_one(journal)
        assert look.handler == look.question.handler == "p.renamed"
        await finish(journal, look)

        await journal.adopt_questions(ME, handlers={}, kept=["p"])
        assert await state_of(journal) == [QuestionState.OPEN]
        known = await journal.adopt_questions(ME, handlers={}, kept=())
        assert [tuple(each) for each in known.forgotten] == [("p", "q", 1)]
        assert await state_of(journal) == []
        assert await journal.timers(ME) == []
        assert await claim(journal) == []

    async def test_an_answer_waits_for_no_words_of_its_handler(self, journal):
        """The answer's work is older than what its handler says, so that it never waits for that."""
        speaker = await running(journal)
        asks = question()
        await journal.utter(utterance(speaker, handler="p.answered"), question=asks)
        await journal.postpone(await claim_one(journal), after=900.0, spend=False)
        await overdue(journal)

        assert type(await claim_one(journal, now=100.0)) is AnswerDelivery
