"""Whoever claims is woken by the store, and a claim that follows finds what it was woken for."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.changes import Changes, NewTimer
from mycel_runtime.journal.cursor import STAY, CursorMove
from mycel_runtime.journal.hole import Hole
from mycel_runtime.journal.pause import PauseKind
from mycel_runtime.journal.questions import NewQuestion
from tests.engines.listening import append
from tests.engines.store_clock import at
from tests.engines.waker import EventWaker
from tests.integration.journal.promises.utterances import utterance
from tests.integration.journal.samples import (
    GIVEN_UP,
    ME,
    bury,
    chat_work,
    claim,
    claim_one,
    finish,
    happen,
    want,
)

DEADLINE = 60.0
NOW = 5.0


async def hinted(journal):
    return want(journal, 1)


async def appended(journal):
    return append(journal, Batch(identity=ME, hints=(chat_work(1),)))


async def heard(journal):
    return happen(journal, 1)


async def finished(journal):
    await want(journal, 1, handler="p.one")
    await want(journal, 1, handler="p.two")
    return finish(journal, await claim_any_of(journal), 1)


async def buried(journal):
    await want(journal, 1, handler="p.one")
    await want(journal, 1, handler="p.two")
    return bury(journal, await claim_any_of(journal), 1)


async def postponed(journal):
    await want(journal, 1)
    return journal.postpone(await claim_one(journal), after=0.0, spend=True)


async def hastened(journal):
    await want(journal, 1)
    delivery = await claim_one(journal)
    await journal.postpone(delivery, after=100.0, spend=True)
    return at(journal, NOW).hasten(ME, delivery_id=delivery.delivery_id, plugin=None)


async def revived(journal):
    await want(journal, 1)
    await bury(journal, await claim_one(journal), 1)
    (letter,) = await journal.dead_letters(ME)
    return at(journal, NOW).revive(ME, letter.dead_letter_id)


async def resumed(journal):
    await want(journal, 1)
    await journal.pause(ME, PauseKind.CHAT, "c")
    return journal.resume(ME, PauseKind.CHAT, "c")


async def not_paused_any_more(journal):
    await want(journal, 1)
    return at(journal, NOW).await_resume(await claim_one(journal))


async def uttered(journal):
    await happen(journal, 1)
    return at(journal, NOW).utter(utterance(await claim_one(journal)))


async def skipped(journal):
    await happen(journal, 1, 2)
    first = await claim_one(journal)
    await journal.postpone(first, after=100.0, spend=True)
    return at(journal, NOW).skip(ME, first.delivery_id, reason="r")


async def claim_any_of(journal):
    """One of several that are due in a lane."""
    (delivery,) = await claim(journal, limit=1)
    return delivery


async def put_off(journal):
    """Told is when it is due by the store's clock, when the verb has taken effect."""
    await want(journal, 1)
    delivery = await claim_one(journal)
    return at(journal, NOW).postpone(delivery, after=100.0, spend=True), ("wake_at", NOW + 100.0)


async def left_with_a_hole(journal):
    await want(journal, 5)
    return journal.finish(await claim_one(journal), WITH_A_HOLE), ("wake_at", 50.0)


async def buried_with_a_hole(journal):
    await want(journal, 5)
    return journal.bury(await claim_one(journal), GIVEN_UP, WITH_A_HOLE), ("wake_at", 50.0)


async def finished_with_timers(journal):
    await happen(journal, 1)
    return journal.finish(await claim_one(journal), STAY, changes=TIMERS), ("fire_at", 60.0)


async def buried_with_timers(journal):
    await happen(journal, 1)
    return journal.bury(await claim_one(journal), GIVEN_UP, STAY, changes=TIMERS), ("fire_at", 60.0)


async def planned(journal):
    return journal.plan(ME, "p", TIMERS), ("fire_at", 60.0)


async def asked(journal):
    question = NewQuestion(
        plugin="p", name="q", handler="p.answered", user_id=None, data="null", seconds=30.0
    )
    await happen(journal, 1)
    words = utterance(await claim_one(journal))
    return journal.utter(words, question=question), ("fire_at", words.made_at + 30.0)


WITH_A_HOLE = CursorMove(handled_seq=5, holes=(Hole(seq=4, noticed_at=40.0),), hole_at=50.0)

TIMERS = Changes(
    timers=tuple(
        NewTimer(name="t", key=key, due_at=due_at, data="null", is_relative=True)
        for key, due_at in (("late", 70.0), ("early", 60.0))
    )
)

TIME_VERBS = [
    put_off,
    left_with_a_hole,
    buried_with_a_hole,
    finished_with_timers,
    buried_with_timers,
    planned,
    asked,
]


async def next_of(journal, kind):
    """What somebody is answered who asks: any process may."""
    ask = journal.next_due_at if kind == "wake_at" else journal.next_timer_at
    return await ask(ME, after=NOW)


class WakingConformance:
    @pytest.mark.parametrize("prepared", TIME_VERBS)
    async def test_who_waits_is_told_when_the_next_thing_becomes_due(self, journal, prepared):
        waker = EventWaker()
        verb, told = await prepared(journal)
        journal.on_work(ME, waker)
        await verb

        async with asyncio.timeout(DEADLINE):
            kind, due_at = await waker.times.get()
        assert (kind, due_at) == told
        assert await next_of(journal, kind) == due_at

    @pytest.mark.parametrize("prepared", TIME_VERBS)
    async def test_who_is_told_a_time_finds_it_though_the_caller_was_cancelled(self, journal, prepared):
        waker = EventWaker()
        verb, (kind, _) = await prepared(journal)
        journal.on_work(ME, waker)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(verb)
            await asyncio.sleep(0)
            task.cancel()
        due_at = await next_of(journal, kind)

        async with asyncio.timeout(DEADLINE):
            assert due_at is None or await waker.times.get() == (kind, due_at)

    async def test_what_is_due_at_once_is_no_time_to_come(self, journal):
        waker = EventWaker()
        await want(journal, 1)
        delivery = await claim_one(journal)
        journal.on_work(ME, waker)
        await journal.postpone(delivery, after=0.0, spend=False)

        async with asyncio.timeout(DEADLINE):
            await waker.woken.wait()
        assert await finish(journal, await claim_one(journal), 1)
        assert waker.times.empty()

    @pytest.mark.parametrize(
        "prepared",
        [
            hinted,
            appended,
            heard,
            finished,
            buried,
            postponed,
            hastened,
            revived,
            resumed,
            not_paused_any_more,
            uttered,
            skipped,
        ],
    )
    async def test_a_claim_that_follows_a_wake_finds_what_it_was_called_for(self, journal, prepared):
        verb, waker = await prepared(journal), EventWaker()
        assert await claim(journal, now=NOW) == []
        journal.on_work(ME, waker)

        async def claim_when_woken():
            while True:
                await waker.woken.wait()
                waker.woken.clear()
                if claimed := await claim(journal, now=NOW):
                    return claimed

        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            claiming = tasks.create_task(claim_when_woken())
            # It waits before the verb is called.
            await asyncio.sleep(0)
            await verb

        assert len(claiming.result()) == 1

    async def test_who_is_cancelled_leaves_nobody_asleep(self, journal):
        """What was committed all the same is claimed."""
        waker = EventWaker()
        journal.on_work(ME, waker)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(want(journal, 1))
            await waker.woken.wait()
            task.cancel()
        assert [each.chat_id for each in await claim(journal)] == ["c"]
