"""The log of turns: written with the end of a delivery, or not at all."""

from __future__ import annotations

from mycel_runtime.journal.changes import Changes, EndOutcome, ItemChange, NewTimer, TimerKey
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.turns import Said, TurnRecord, done_from, said_from, text_hash
from tests.engines.store_clock import at
from tests.integration.journal.samples import GIVEN_UP, ME, OTHER, claim_one, happen, want

WORDS = "what nobody else is to read"


def record(**fields):
    defaults = {"kind": "message", "attempt": 1, "began_at": 1.0, "shown": {"messages": [[1, "m1"]]}}
    return TurnRecord(**defaults | fields)


async def end_turns(journal, count, *, chat="c", handler="p.messages", after=0):
    for number in range(after, after + count):
        await want(journal, number + 1, chat=chat, handler=handler)
        await at(journal, float(number)).finish(await claim_one(journal), STAY, record=record())


class TurnConformance:
    """Promises of `finish` and `bury` about what they log."""

    async def test_a_turn_is_logged_with_the_end_of_its_delivery(self, journal, turns):
        await want(journal, 1)
        delivery = await claim_one(journal)
        assert not turns(journal)

        await at(journal, 2.0).finish(delivery, STAY, record=record(said=(Said("h", 3), Said("i", 4, "E"))))

        (turn,) = turns(journal)
        assert (turn.handler, turn.chat_id, turn.attempt, turn.kind) == ("p.messages", "c", 1, "message")
        assert (turn.began_at, turn.ended_at, turn.raised, turn.shown) == (
            1.0,
            2.0,
            "",
            '{"messages":[[1,"m1"]]}',
        )
        assert said_from(turn.said) == (("h", 3, ""), ("i", 4, "E"))

    async def test_a_turn_that_is_given_up_is_logged_with_its_frame(self, journal, turns):
        await happen(journal, 1)
        delivery = await claim_one(journal)

        await at(journal, 2.0).bury(delivery, GIVEN_UP, STAY, record=record(raised="ValueError"))

        (turn,) = turns(journal)
        assert (turn.raw, turn.raised) == ('{"seq":1}', "ValueError")

    async def test_an_end_that_does_not_count_is_not_logged(self, journal, turns):
        await want(journal, 1)
        delivery = await claim_one(journal)
        stale = ItemChange(chat_id=None, key="k", value="1", made_from=7)

        outdated = await journal.finish(delivery, STAY, changes=Changes(items=(stale,)), record=record())
        await journal.postpone(delivery, after=0.0, spend=False)
        lost = await journal.finish(delivery, STAY, record=record())

        assert (outdated.outcome, lost.outcome) == (EndOutcome.OUTDATED, EndOutcome.LOST)
        assert not turns(journal)

    async def test_a_delivery_without_a_run_is_not_logged(self, journal, turns):
        await want(journal, 1)
        await journal.finish(await claim_one(journal), STAY)

        assert not turns(journal)

    async def test_of_what_is_remembered_and_planned_hashes_are_logged(self, journal, turns):
        changes = Changes(
            items=(
                ItemChange(chat_id="c", key=WORDS, value=f'"{WORDS}"', made_from=None),
                ItemChange(chat_id=None, key="gone", value=None, made_from=None),
            ),
            timers=(NewTimer(name="t", key=WORDS, due_at=9.0, data=f'"{WORDS}"', is_relative=True),),
            cancelled=(TimerKey("u", ""),),
        )
        await want(journal, 1)
        delivery = await claim_one(journal)

        await journal.finish(delivery, STAY, changes=changes, record=record(changes=changes))

        (turn,) = turns(journal)
        hashed, value = text_hash(WORDS), text_hash(f'"{WORDS}"')
        done = done_from(turn.done)
        assert done.items == ((False, text_hash("gone"), None, 0), (True, hashed, value, len(WORDS) + 2))
        assert done.timers == (("t", hashed, 9.0, value, True), ("u", text_hash(""), None, "", False))
        assert not any(WORDS in str(column) for column in turn)

    async def test_turns_are_chosen_by_handler_chat_time_and_number(self, journal, reader):
        await end_turns(journal, 3)
        await end_turns(journal, 2, chat="d", handler="p.other", after=3)
        log = reader.turn_log(ME)

        numbers = log.select()
        assert [turn.turn_id for turn in log.turns()] == numbers == sorted(numbers)
        assert [turn.ended_at for turn in log.turns()] == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert log.select(handler="p.other") == numbers[3:]
        assert log.select(chat_id="c", last=2) == numbers[1:3]
        assert log.select(since=1.0, until=4.0) == numbers[1:4]
        assert [turn.turn_id for turn in log.newest(2)] == numbers[3:]
        assert log.handlers() == ["p.messages", "p.other"]
        assert not reader.turn_log(OTHER).select()
        assert reader.turn_log(OTHER).newest(1) == []
