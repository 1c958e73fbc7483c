"""Timers and schedules on a real journal, with a clock that jumps."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from mycel_runtime import Plugin
from mycel_runtime.dispatch.abandoned import AbandonedRuns
from mycel_runtime.dispatch.timekeeper import Timekeeper
from mycel_runtime.dispatch.verdict import Returned
from mycel_runtime.journal.changes import Changes, NewTimer
from mycel_runtime.journal.delivery import EventDelivery
from mycel_runtime.journal.sqlite.journal import SqliteJournal
from mycel_runtime.observe.observer import Observer
from mycel_runtime.speech.evidence import Evidence
from tests.engines.store_clock import StoreClock, at
from tests.integration.dispatch.dispatchers import dispatcher_of
from tests.integration.dispatch.no_questions import NoQuestions

ME = "me"
DEADLINE = 60.0
START = datetime(2026, 3, 2, 8, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


class CountedJournal(SqliteJournal):
    """Counts what is asked about timers."""

    asked = 0

    async def timers(self, identity):
        self.asked += 1
        return await super().timers(identity)

    async def timers_due(self, identity, **arguments):
        self.asked += 1
        return await super().timers_due(identity, **arguments)

    async def next_timer_at(self, identity, **arguments):
        self.asked += 1
        return await super().next_timer_at(identity, **arguments)


class Facts(Observer):
    def __init__(self):
        self.told = []

    def tell(self, fact):
        self.told.append(fact)


@pytest.fixture
async def journal(tmp_path):
    journal = CountedJournal(tmp_path, clock=StoreClock(START))
    journal.open()
    yield journal
    await journal.close()


async def handle(ctx): ...


def scheduled(*, minutes=10, with_cron=True, catch_up=True):
    """A plugin with an interval, and a time each morning."""
    plugin = Plugin("p")

    @plugin.every(minutes=minutes, catch_up=catch_up)
    async def often(ctx): ...

    if with_cron:

        @plugin.cron("0 9 * * *", timezone="UTC")
        async def morning(ctx): ...

    return plugin


def reminding():
    plugin = Plugin("p")

    @plugin.on_timer("remind")
    async def remind(ctx): ...

    return plugin


class Keeper:
    """A timekeeper and its clock."""

    def __init__(self, journal, plugin, now=START):
        at(journal, now)
        self.facts = Facts()
        self.journal = journal
        self.timekeeper = Timekeeper(
            journal=journal,
            me=ME,
            handlers=plugin.handlers,
            observer=self.facts,
            clock=journal.now,
        )

    async def fire(self, *, until=None):
        """What is due then, taken by whoever runs it: handler, when it was due."""
        await self.timekeeper.fire_due(at(self.journal, until).now())
        fired = []
        while claimed := await self.journal.claim(ME, limit=1_000):
            for delivery in claimed:
                fired.append((delivery.handler, delivery.fired.due_at - START))
                await self.journal.finish(delivery, Returned().move)
        return fired


def timer(key="", *, due_at=START + HOUR, name="remind"):
    return NewTimer(name=name, key=key, due_at=due_at, data="null", is_relative=True)


async def planned(journal):
    return {each.name: each.due_at - START for each in await journal.timers(ME)}


async def test_schedules_are_planned_at_the_start_and_kept_by_the_next_process(journal):
    await Keeper(journal, scheduled()).fire()
    assert await planned(journal) == {"@often": 10 * MINUTE, "@morning": HOUR}

    later = Keeper(journal, scheduled(), now=START + 5 * MINUTE)
    assert await later.fire() == []
    assert await planned(journal) == {"@often": 10 * MINUTE, "@morning": HOUR}
    assert await later.fire(until=START + 10 * MINUTE) == [("p.often", 10 * MINUTE)]
    assert (await planned(journal))["@often"] == 20 * MINUTE


async def test_a_downtime_is_made_good_by_one_call_of_each(journal):
    await Keeper(journal, scheduled()).fire()
    later = Keeper(journal, scheduled(), now=START + 3 * DAY + MINUTE)

    assert sorted(await later.fire()) == [("p.morning", HOUR), ("p.often", 10 * MINUTE)]
    assert await planned(journal) == {"@often": 3 * DAY + 10 * MINUTE, "@morning": 3 * DAY + HOUR}
    assert {(fact.handler, fact.late, fact.is_caught_up) for fact in later.facts.told} == {
        ("p.often", 3 * DAY - 9 * MINUTE, True),
        ("p.morning", 3 * DAY - 59 * MINUTE, True),
    }


async def test_a_downtime_is_let_pass_where_the_handler_says_so(journal):
    await Keeper(journal, scheduled(catch_up=False)).fire()
    later = Keeper(journal, scheduled(catch_up=False), now=START + 25 * MINUTE)

    assert await later.fire() == []
    assert [fact.is_caught_up for fact in later.facts.told] == [False]
    assert await later.fire(until=START + 30 * MINUTE) == [("p.often", 30 * MINUTE)]


async def test_a_clock_that_was_years_ahead_for_a_moment_keeps_no_schedule_waiting_for_years(journal):
    keeper = Keeper(journal, scheduled())
    await keeper.fire()
    assert len(await keeper.fire(until=START + 3_650 * DAY)) == 2
    keeper.now = START + MINUTE
    await at(journal, keeper.now).rewind(ME, seconds=3_650 * DAY - MINUTE)
    keeper.timekeeper.look_again()

    assert await keeper.fire() == []
    # What was called for already is not called for again.
    assert await planned(journal) == {"@often": 11 * MINUTE, "@morning": DAY + HOUR}


async def test_a_schedule_that_was_changed_is_planned_anew_and_one_that_is_gone_is_forgotten(journal):
    await Keeper(journal, scheduled()).fire()
    await Keeper(journal, scheduled(minutes=30, with_cron=False), now=START + MINUTE).fire()

    assert await planned(journal) == {"@often": 31 * MINUTE}


async def test_schedules_are_forgotten_though_none_is_left(journal):
    await Keeper(journal, scheduled()).fire()
    plugin = Plugin("p")
    plugin.on_message(handle)
    await Keeper(journal, plugin, now=START + 2 * HOUR).fire()

    assert await planned(journal) == {}


async def test_the_schedules_of_a_plugin_that_is_not_there_wait_for_it(journal):
    """As one whose import has failed."""
    await Keeper(journal, scheduled()).fire()
    other = Plugin("other")
    other.every(days=1)(handle)
    await Keeper(journal, other, now=START + 2 * HOUR).fire()

    assert await Keeper(journal, scheduled(with_cron=False), now=START + 2 * HOUR).fire() == [
        ("p.often", 10 * MINUTE)
    ]


async def test_after_a_long_downtime_all_timers_fire_be_there_hundreds(journal):
    await journal.plan(ME, "p", Changes(timers=tuple(timer(f"{number}") for number in range(250))))
    keeper = Keeper(journal, reminding(), now=START + DAY)

    counts = [len(await keeper.fire()) for _ in range(4)]
    assert counts == [100, 100, 50, 0]


async def test_who_plans_nothing_asks_once(journal):
    """Whether schedules are left of what it declared before."""
    plugin = Plugin("p")
    plugin.on_message(handle)
    keeper = Keeper(journal, plugin)
    for number in range(3):
        await keeper.fire(until=START + number * DAY)

    assert journal.asked == 1


async def test_the_journal_is_asked_when_something_is_due_and_not_before(journal):
    keeper = Keeper(journal, reminding())
    await journal.plan(ME, "p", Changes(timers=(timer(),)))
    await keeper.fire()
    asked = journal.asked
    for second in range(100):
        await keeper.fire(until=START + second)
    assert journal.asked == asked

    assert await keeper.fire(until=START + HOUR) == [("p.remind", HOUR)]


class Attempts:
    """Runs what is due by telling the test of it; the first run of a chat plans something."""

    def __init__(self, changes):
        self.evidence, self.abandoned, self.questions = Evidence(), AbandonedRuns(), NoQuestions()
        self.ran = asyncio.Queue()
        self.ended = []
        self._changes = changes

    async def run(self, delivery):
        self.ran.put_nowait(delivery)
        return Returned(changes=self._changes) if delivery.fired.key == "first" else Returned()

    def note_end(self, delivery, changes, end):
        self.ended.append((changes, end.outcome.value))

    def max_attempts(self, handler):
        return 8

    async def next(self):
        async with asyncio.timeout(DEADLINE):
            return await self.ran.get()

    async def close(self):
        pass


async def test_what_a_run_plans_happens_though_nothing_else_does(journal):
    """The dispatcher sleeps until the time that the run has set."""
    attempts = Attempts(Changes(timers=(timer("second", due_at=0.0),)))
    keeper = Keeper(journal, reminding())
    dispatcher = dispatcher_of(
        journal,
        attempts,
        me=ME,
        clock=journal.now,
        observer=keeper.facts,
        timekeeper=keeper.timekeeper,
    )
    await journal.plan(ME, "p", Changes(timers=(timer("first"),)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(dispatcher.run(), name="dispatcher")
        at(journal, START + HOUR)
        dispatcher.wake()
        first, second = await attempts.next(), await attempts.next()
        dispatcher.stop()

    assert isinstance(first, EventDelivery)
    assert [each.fired.key for each in (first, second)] == ["first", "second"]
    assert [outcome for _, outcome in attempts.ended] == ["done"]
    assert await journal.timers(ME) == []


async def test_what_somebody_else_plans_is_fired_in_time(tmp_path):
    """As another process does, or the operator: the store says when, and nobody else does."""
    journal = CountedJournal(tmp_path)
    await asyncio.to_thread(journal.open)
    attempts, keeper = Attempts(Changes()), Keeper(journal, reminding(), now=None)
    dispatcher = dispatcher_of(journal, attempts, me=ME, clock=journal.now, timekeeper=keeper.timekeeper)

    async def plan(key):
        await journal.plan(ME, "p", Changes(timers=(timer(key, due_at=journal.now() + 0.05),)))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(dispatcher.run(), name="dispatcher")
        await plan("first")
        first = await attempts.next()
        await plan("second")
        second = await attempts.next()
        dispatcher.stop()
    await journal.close()

    assert [each.fired.key for each in (first, second)] == ["first", "second"]


async def test_only_a_timer_that_is_due_before_all_others_wakes_whoever_waits(journal):
    """A look for work at each timer that is set would cost every run that sets one a claim of its own."""
    timekeeper = Keeper(journal, reminding()).timekeeper
    await timekeeper.fire_due(START)

    def is_news(due_at):
        return timekeeper.note(due_at)

    assert [is_news(START + seconds) for seconds in (HOUR, DAY, HOUR, MINUTE)] == [True, False, False, True]


async def test_what_is_planned_is_said_in_the_journal_by_its_schedule_alone(journal):
    """So that another one in its place is known for another."""
    await Keeper(journal, scheduled()).fire()

    assert {each.name: json.loads(each.data) for each in await journal.timers(ME)} == {
        "@often": ["every 600.0 s", None],
        "@morning": ["cron 0 9 * * * UTC", None],
    }
