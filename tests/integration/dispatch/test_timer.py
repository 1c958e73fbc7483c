"""When the dispatcher looks again by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time

from mycel_runtime.dispatch.abandoned import AbandonedRuns
from mycel_runtime.dispatch.verdict import Failed, Returned
from mycel_runtime.journal.cursor import CursorMove
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.ids import HandlerId, Lane
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.journal.work import ChatWork
from mycel_runtime.speech.evidence import Evidence
from tests.engines.store_clock import StoreClock
from tests.integration.dispatch.dispatchers import dispatcher_of
from tests.integration.dispatch.no_questions import NoQuestions

ME = "me"
DEADLINE = 60.0


class SlowJournal(SqliteJournal):
    """After a postponement each claim takes 100 s, by the clock that it shares with the dispatcher."""

    claim_takes = 0.0

    def __init__(self, state_dir):
        self.clock = StoreClock(1_000.0)
        super().__init__(state_dir, clock=self.clock)

    async def claim(self, identity, **arguments):
        claimed = await super().claim(identity, **arguments)
        self.clock.time += self.claim_takes
        return claimed

    async def postpone(self, delivery, **arguments):
        is_ours = await super().postpone(delivery, **arguments)
        self.claim_takes = 100.0
        return is_ours


class Asked:
    """A handler that asks once to be called again, and how often it had tried at each call."""

    def __init__(self, retry_after):
        self.evidence, self.abandoned, self.questions = Evidence(), AbandonedRuns(), NoQuestions()
        self._retry_after = retry_after
        self._calls = asyncio.Queue()

    async def run(self, delivery):
        self._calls.put_nowait(delivery.attempts)
        if not delivery.attempts:
            return Failed(letter=Letter(reason="Retry"), retry_after=self._retry_after)
        return Returned(move=CursorMove(handled_seq=delivery.wanted_seq))

    def max_attempts(self, handler):
        return 8

    async def next(self):
        async with asyncio.timeout(DEADLINE):
            return await self._calls.get()

    async def close(self):
        pass


async def hint(journal, dispatcher):
    work = ChatWork(handler=HandlerId("p.h"), lane=Lane("chat:c"), chat_id="c", wanted_seq=1)
    await journal.hint(ME, (work,))
    dispatcher.wake()


@contextlib.asynccontextmanager
async def dispatching(journal, asked):
    """A dispatcher that runs by the journal's clock, with one thing to do; the journal is open for it."""
    journal.open()
    dispatcher = dispatcher_of(journal, asked, me=ME, clock=journal.now)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(dispatcher.run(), name="dispatcher")
        await hint(journal, dispatcher)
        yield dispatcher
        dispatcher.stop()
    await journal.close()


async def test_what_becomes_due_while_a_claim_is_under_way_is_not_forgotten(tmp_path):
    journal, asked = SlowJournal(tmp_path), Asked(retry_after=60.0)
    async with dispatching(journal, asked):
        assert await asked.next() == 0
        # The slot that is free again is claimed for in vain, and when that is over the time has come.
        assert await asked.next() == 1


class SetBack(SqliteJournal):
    """After a postponement the wall clock is an hour back."""

    def __init__(self, state_dir):
        super().__init__(state_dir, clock=lambda: time.time() + self.ahead)
        self.ahead = 0.0
        self.is_back = asyncio.Event()

    async def postpone(self, delivery, **arguments):
        is_ours = await super().postpone(delivery, **arguments)
        self.ahead = -3_600.0
        self.is_back.set()
        return is_ours


async def test_a_retry_does_not_wait_until_a_clock_that_was_set_back_comes_to_its_time_again(tmp_path):
    journal, asked = SetBack(tmp_path), Asked(retry_after=0.1)
    async with dispatching(journal, asked) as dispatcher:
        assert await asked.next() == 0
        await journal.is_back.wait()
        # Else the clock is looked at once a minute.
        dispatcher.wake()
        assert await asked.next() == 1
