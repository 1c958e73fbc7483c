"""The dispatcher's loop on either engine, woken by nobody but the journal."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import pytest

from mycel_runtime.dispatch.abandoned import AbandonedRuns
from mycel_runtime.dispatch.verdict import Failed, Returned
from mycel_runtime.errors import JournalError
from mycel_runtime.journal.batch import Batch
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.speech.evidence import Evidence
from tests.engines.listening import append
from tests.engines.slow_journal import SlowJournal, Weather
from tests.integration.dispatch.dispatchers import dispatcher_of
from tests.integration.dispatch.no_questions import NoQuestions
from tests.integration.journal.samples import arrivals, entry, event_work

ME = "me"
DEADLINE = 60.0
LANES = 5
EVENTS = 8
"""In each lane."""


class Logged:
    """Attempts that take some passes of the loop, one in five of them in vain, and what was done in each lane."""

    def __init__(self):
        self.evidence, self.abandoned, self.questions = Evidence(), AbandonedRuns(), NoQuestions()
        self.done = defaultdict(list)
        self.is_all = asyncio.Event()
        self._running = set()
        self._dice = random.Random(1)

    async def run(self, delivery):
        assert delivery.lane not in self._running
        self._running.add(delivery.lane)
        for _ in range(self._dice.randrange(4)):
            await asyncio.sleep(0)
        self._running.remove(delivery.lane)
        if not delivery.attempts and self._dice.random() < 0.2:
            return Failed(letter=Letter(reason="Retry"), retry_after=0.001)
        self.done[delivery.lane].append(delivery.entry.seq)
        if sum(len(set(done)) for done in self.done.values()) == LANES * EVENTS:
            self.is_all.set()
        return Returned(move=STAY)

    def begin_again(self):
        """Another life: nothing runs."""
        self._running.clear()

    def max_attempts(self, handler):
        return 8

    async def close(self):
        pass


@pytest.fixture(params=[SqliteJournal, SlowJournal])
async def journal(request, tmp_path):
    journal = request.param(tmp_path, clock=asyncio.get_running_loop().time)
    await asyncio.to_thread(journal.open)
    yield journal
    await journal.close()


@pytest.fixture
async def dispatching(journal):
    """A dispatcher at work, with attempts that are logged; nobody calls its `wake`."""
    attempts = Logged()
    dispatcher = dispatcher_of(journal, attempts, me=ME, clock=journal.now)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(dispatcher.run(), name="dispatcher")
        yield attempts
        dispatcher.stop()


async def happen_everywhere(journal):
    """The events of all lanes, in turn."""
    for seq in range(1, LANES * EVENTS + 1):
        work = event_work(lane=f"lane-{(seq - 1) % LANES}")
        await append(journal, Batch(identity=ME, arrivals=arrivals(entry(seq), events=[work])))


def in_order():
    """What is to be done in each lane."""
    return {f"lane-{lane}": list(range(1 + lane, LANES * EVENTS + 1, LANES)) for lane in range(LANES)}


async def test_every_lane_goes_on_when_the_end_before_is_written_however_late(journal, dispatching):
    """The slot of a run is free before its lane is: what is claimed meanwhile finds the lane taken."""
    async with asyncio.timeout(DEADLINE):
        await happen_everywhere(journal)
        await dispatching.is_all.wait()

    assert dispatching.done == in_order()


async def live(journal, attempts):
    """Until nothing is left, or the store fails; whether it has."""
    has_failed = False
    await asyncio.to_thread(journal.open)
    try:
        await journal.recover(ME)
        dispatcher = dispatcher_of(journal, attempts, me=ME, clock=journal.now)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(dispatcher.run(), name="dispatcher")
            await attempts.is_all.wait()
            dispatcher.stop()
    except* JournalError:
        has_failed = True
    finally:
        await journal.close()
    return has_failed


@pytest.mark.slow
async def test_whichever_verb_the_store_fails_at_the_next_life_goes_on_in_order(tmp_path):
    """Before it has taken effect, or after, when nobody is told: what a failed verb did, only a look tells."""
    journal = SqliteJournal(tmp_path)
    await asyncio.to_thread(journal.open)
    await happen_everywhere(journal)
    await journal.close()
    attempts, lives = Logged(), 0

    async with asyncio.timeout(DEADLINE):
        while await live(SlowJournal(tmp_path, weather=Weather(lives, fails_at=3 + 2 * lives)), attempts):
            attempts.begin_again()
            lives += 1

    assert lives > 5
    assert {lane: sorted(set(done)) for lane, done in attempts.done.items()} == in_order()
    for done in attempts.done.values():
        # Done again is only what was the newest when a life ended.
        assert done == sorted(done)
