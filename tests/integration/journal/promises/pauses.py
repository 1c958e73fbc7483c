"""What is paused, and what waits for its end."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.journal.pause import NOBODY, PauseKind
from tests.engines.store_clock import at
from tests.integration.journal.samples import ME, OTHER, claim, claim_one, finish, happen, want

LATER = 9_999_999.0


async def chats(journal, *, now):
    """Ids of the chats whose work is claimed, in this order, until none is due."""
    found = []
    while claimed := await claim(journal, now=now, limit=1):
        found += [each.chat_id for each in claimed]
        await finish(journal, claimed[0])
    return found


class PauseConformance:
    async def test_what_is_paused_stays_so_over_a_restart_since_it_began(self, journal, successor):
        assert await at(journal, 3.0).pause(ME, PauseKind.CHAT, "c")
        assert not await at(journal, 4.0).pause(ME, PauseKind.CHAT, "c")
        assert await at(journal, 5.0).pause(ME, PauseKind.AGENT, "")
        assert await at(journal, 6.0).pause(OTHER, PauseKind.PLUGIN, "p")
        journal = await successor(journal)

        paused = [(pause.kind, pause.name, pause.paused_at) for pause in await journal.pauses(ME)]
        assert paused == [("chat", "c", 3.0), ("agent", "", 5.0)]
        assert await journal.resume(ME, PauseKind.CHAT, "c")
        assert not await journal.resume(ME, PauseKind.CHAT, "c")
        assert [pause.kind for pause in await journal.pauses(ME)] == ["agent"]

    async def test_what_was_paused_before_anybody_was_known_is_paused_of_the_first_who_is(
        self, journal, successor
    ):
        assert await at(journal, 3.0).pause(NOBODY, PauseKind.AGENT, "")
        assert await at(journal, 4.0).pause(NOBODY, PauseKind.PLUGIN, "p")
        assert not await at(journal, 5.0).pause(NOBODY, PauseKind.PLUGIN, "p")
        assert await journal.resume(NOBODY, PauseKind.PLUGIN, "p")
        journal = await successor(journal)
        await at(journal, 5.5).recover(ME)

        assert [(pause.kind, pause.paused_at) for pause in await journal.pauses(ME)] == [("agent", 3.0)]
        assert list(await journal.pauses(NOBODY)) == []
        assert await journal.resume(ME, PauseKind.AGENT, "")
        await at(journal, 6.0).recover(OTHER)
        assert list(await journal.pauses(OTHER)) == []

    async def test_what_waits_is_parked_and_due_again_in_its_old_order(self, journal):
        """However often it was tried, and whatever the clock does meanwhile."""
        for now, chat in ((3.0, "third"), (1.0, "first"), (2.0, "second")):
            await want(journal, 1, now=now, chat=chat)
        retried = await claim_one(journal, now=1.5)
        await journal.postpone(retried, after=50.0, spend=True)
        await at(journal, 4.0).pause(ME, PauseKind.PLUGIN, "p")

        assert await claim(journal, now=LATER) == []
        assert await journal.next_due_at(ME, after=5.0) is None
        await at(journal, 5.0).rewind(ME, seconds=100.0)
        assert await claim(journal, now=LATER) == []
        await journal.resume(ME, PauseKind.PLUGIN, "p")
        assert await chats(journal, now=5.0) == ["first", "second", "third"]

    @pytest.mark.parametrize(("kind", "name"), [(PauseKind.CHAT, "c"), (PauseKind.PLUGIN, "p")])
    async def test_nothing_else_is_parked(self, journal, kind, name):
        await want(journal, 1, chat="c", handler="p.messages")
        await want(journal, 1, chat="d", handler="pp.messages")
        await want(journal, 1, identity=OTHER)
        await at(journal, 1.0).pause(ME, kind, name)

        assert [each.chat_id for each in await claim(journal, now=LATER)] == ["d"]
        assert len(await claim(journal, now=LATER, identity=OTHER)) == 1

    async def test_hints_and_events_that_come_meanwhile_wait_in_order(self, journal):
        """What came before the pause is parked by it; what comes later waits until the dispatcher passes over it."""
        await want(journal, 1, chat="c")
        await at(journal, 1.0).pause(ME, PauseKind.CHAT, "c")
        await want(journal, 7, chat="c", now=2.0)
        assert await claim(journal, now=LATER) == []
        await happen(journal, 1, 2, lane="chat:c", chat="c", now=3.0)
        assert (await claim_one(journal, now=3.0)).chat_id == "c"
        await journal.resume(ME, PauseKind.CHAT, "c")

        assert await claim(journal, now=4.0) == [], "the lane is taken"

    async def test_the_oldest_that_waits_is_told_by_the_time_when_it_was_due_first(self, journal):
        await want(journal, 1, now=2.0)
        await at(journal, 3.0).pause(ME, PauseKind.CHAT, "c")

        waiting = await journal.oldest_waiting(ME)
        assert (waiting.since, waiting.attempts) == (2.0, 0)
        assert (await journal.statistics(ME)).oldest_due_at is None

    @pytest.mark.parametrize(
        ("kind", "name"), [(PauseKind.AGENT, ""), (PauseKind.CHAT, "c"), (PauseKind.PLUGIN, "p")]
    )
    async def test_what_was_claimed_before_a_pause_waits_for_its_end(self, journal, kind, name):
        await want(journal, 1, now=1.0)
        delivery = await claim_one(journal, now=1.0)
        await at(journal, 2.0).pause(ME, kind, name)

        assert await at(journal, 3.0).await_resume(delivery)
        assert not await at(journal, 3.0).await_resume(delivery)
        assert await claim(journal, now=LATER) == []
        await journal.resume(ME, kind, name)
        again = await claim_one(journal, now=3.0)
        assert (again.attempts, again.turn) == (0, delivery.turn)

    async def test_what_nothing_pauses_any_more_is_due(self, journal):
        await want(journal, 1)
        delivery = await claim_one(journal)
        await at(journal, 2.0).pause(ME, PauseKind.CHAT, "d")
        await at(journal, 2.0).pause(OTHER, PauseKind.CHAT, "c")

        assert await at(journal, 3.0).await_resume(delivery)
        assert await claim(journal, now=2.9) == []
        assert len(await claim(journal, now=3.0)) == 1

    async def test_a_resume_beside_it_leaves_nothing_behind(self, journal):
        """In whichever order they take effect."""
        for number in range(10):
            chat = f"c{number}"
            await want(journal, 1, chat=chat)
            delivery = await claim_one(journal)
            await journal.pause(ME, PauseKind.CHAT, chat)
            verbs = [journal.await_resume(delivery), journal.resume(ME, PauseKind.CHAT, chat)]
            await asyncio.gather(*verbs[:: 1 if number % 2 else -1])

            assert await finish(journal, await claim_one(journal), 1)
