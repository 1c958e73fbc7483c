"""Whoever claims is woken by the store, and a claim that follows finds what it was woken for."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.journal.pause import PauseKind
from tests.engines.store_clock import at
from tests.integration.journal.promises.utterances import utterance
from tests.integration.journal.samples import ME, bury, claim, claim_one, finish, happen, want

DEADLINE = 60.0
NOW = 5.0


async def appended(journal):
    return want(journal, 1)


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
    return at(journal, NOW).revive(letter.dead_letter_id)


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


class WakingConformance:
    @pytest.mark.parametrize(
        "prepared",
        [
            appended,
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
        verb, woken = await prepared(journal), asyncio.Event()
        assert await claim(journal, now=NOW) == []
        journal.on_work(ME, woken.set)

        async def claim_when_woken():
            while True:
                await woken.wait()
                woken.clear()
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
        woken = asyncio.Event()
        journal.on_work(ME, woken.set)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(want(journal, 1))
            await woken.wait()
            task.cancel()
        assert [each.chat_id for each in await claim(journal)] == ["c"]
