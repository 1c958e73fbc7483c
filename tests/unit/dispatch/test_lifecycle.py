"""In which order plugins are started and stopped, and what becomes of those that cannot be."""

from __future__ import annotations

import asyncio
import math
import time

import pytest

from mycel_runtime.dispatch.handler_bounds import HandlerBounds
from mycel_runtime.dispatch.lifecycle import STOP_SECONDS, Lifecycle
from mycel_runtime.dispatch.verdict import Failed, Quarantined, Returned, Unanswered
from mycel_runtime.journal.changes import Changes, EndOutcome, ItemChange, NewTimer, TurnEnd
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.registry import BoundHandler
from mycel_runtime.settings import DispatchSettings

DEADLINE = 60.0
FAILED = Failed(letter=Letter(reason="ValueError", trace="in x"))
CHANGES = Changes(
    items=(ItemChange(chat_id=None, key="k", value="1", made_from=0),),
    timers=(NewTimer(name="t", key="", due_at=7.0, data="null", is_relative=True),),
)


class World:
    """Everything around the lifecycle: it notes what is asked, and answers as it is told to."""

    def __init__(self):
        self.bounds = HandlerBounds(DispatchSettings(handler_timeout=100))
        self.states = self
        self.now = 1000.0
        self.ran, self.facts, self.planned, self.hastened = [], [], [], []
        self.ended = []
        self.results = {}
        self.outcome = EndOutcome.DONE
        self.deadlines = {}
        self.committed = 0
        self.outliving = {}

    def tell(self, fact):
        self.facts.append(fact)

    def named(self, name):
        return [fact for fact in self.facts if fact.name == name]

    async def run(self, bound, moment, *, attempt, deadline):
        name = bound.handler.id
        self.ran.append((name, attempt) if moment == "start" else name)
        self.deadlines[name] = deadline - time.monotonic()
        results = self.results.get(name, [])
        return results.pop(0) if results else Returned()

    async def plan(self, identity, plugin, changes):
        self.planned.append((plugin, changes))
        return TurnEnd(self.outcome, (1,))

    async def hasten(self, identity, *, delivery_id, plugin):
        self.hastened.append(plugin)

    def note_end(self, handler, changes, end):
        self.ended.append((handler, end.outcome))

    def commit(self):
        self.committed += 1

    def lifecycle(self, *plugins):
        return Lifecycle(
            hooks=self,
            handlers=[
                BoundHandler(handler=handler, settings=None)
                for plugin in plugins
                for handler in plugin.handlers
            ],
            journal=self,
            me="me",
            settings=DispatchSettings(retry_base=10, retry_cap=60),
            observer=self,
            clock=lambda: self.now,
            draw=lambda: 0.5,
            outliving=lambda plugin: self.outliving.get(plugin, 0),
        )


def hook(name):
    def function(ctx):
        raise AssertionError

    function.__name__ = name
    return function


def plugin(name, starts=(), stops=(), **options):
    """Hooks by name and order."""
    made = Plugin(name)
    for each, order in starts:
        made.on_start(order=order, **options)(hook(each))
    for each, order in stops:
        made.on_stop(order=order, **options)(hook(each))
    made.on_message(hook("answer"))
    return made


@pytest.fixture
def world():
    return World()


async def until(condition):
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - a task that is looked at from outside
            await asyncio.sleep(0)


async def test_they_start_in_order_and_stop_in_the_reverse(world):
    first = plugin("a", [("up", 5), ("early", -1)], [("down", 5), ("late", -1)])
    second = plugin("b", [("up", 0), ("more", 5)], [("down", 0), ("less", 5)])
    lifecycle = world.lifecycle(first, second)

    await lifecycle.start(world.commit)
    await lifecycle.stop(time.monotonic() + 100)

    starts, stops = world.ran[:4], world.ran[4:]
    assert starts == [("a.early", 1), ("b.up", 1), ("a.up", 1), ("b.more", 1)]
    assert stops == ["b.less", "a.down", "b.down", "a.late"]
    assert [fact.plugin for fact in world.named("plugin.started")] == ["a", "b"]
    assert lifecycle.waiting == ()


async def test_who_has_nothing_to_start_is_not_waited_for(world):
    lifecycle = world.lifecycle(plugin("a", [("up", 0)]), plugin("b", stops=[("down", 0)]))

    assert lifecycle.refuse("b.answer") is None
    assert lifecycle.refuse("a.answer") == Quarantined(plugin="a", retry_after=1.0, why="has not started")
    await lifecycle.start(world.commit)
    assert lifecycle.refuse("a.answer") is None
    assert world.hastened == ["a"]
    assert world.committed


async def test_work_that_waits_for_a_long_start_is_turned_away_ever_more_seldom(world):
    lifecycle = world.lifecycle(plugin("a", [("up", 0)]))
    waits = []
    for _ in range(6):
        waits.append(lifecycle.refuse("a.answer").retry_after)
        world.now += waits[-1]
    assert waits == [1.0, 1.0, 2.0, 4.0, 8.0, 10.0]
    world.now -= 3600
    assert lifecycle.refuse("a.answer").retry_after == 1.0


async def test_one_that_fails_is_tried_again_while_the_others_go_on(world):
    world.results["a.up"] = [FAILED, FAILED]
    lifecycle = world.lifecycle(plugin("a", [("up", 0), ("second", 1)]), plugin("b", [("up", 0)]))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lifecycle.start(world.commit), name="start")
        await until(lambda: world.ran[-1:] == [("b.up", 1)] and not lifecycle.is_busy)
        assert world.ran == [("a.up", 1), ("b.up", 1)]
        (start,) = lifecycle.waiting
        assert (start.plugin, start.attempts, start.reason, start.retry_at) == ("a", 1, "ValueError", 1007.5)
        assert lifecycle.refuse("b.answer") is None
        assert lifecycle.refuse("a.answer").retry_after == 7.5

        world.now += 7.5
        lifecycle.wake()
        await until(lambda: start.attempts == 2)
        world.now += 15.0
        lifecycle.wake()
        await until(lambda: not lifecycle.waiting)

    assert world.ran[2:] == [("a.up", 2), ("a.up", 3), ("a.second", 3)]
    failures = world.named("plugin.start_failed")
    assert [(fact.handler, fact.attempts, fact.retry_in, fact.trace) for fact in failures] == [
        ("a.up", 1, 7.5, "in x"),
        ("a.up", 2, 15.0, ""),
    ]
    assert [(fact.plugin, fact.attempts) for fact in world.named("plugin.started")] == [("b", 1), ("a", 3)]


async def test_what_has_started_already_is_not_run_again_for_what_has_not(world):
    world.results["a.second"] = [FAILED]
    lifecycle = world.lifecycle(plugin("a", [("up", 0), ("second", 1)]))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lifecycle.start(world.commit), name="start")
        await until(lambda: world.named("plugin.start_failed"))
        world.now += 60
        lifecycle.wake()

    assert world.ran == [("a.up", 1), ("a.second", 1), ("a.second", 2)]


@pytest.mark.parametrize(
    ("result", "retry_in"),
    [
        (Failed(letter=Letter(reason="Retry"), retry_after=500.0, is_answer=True), 500.0),
        (Failed(letter=Letter(reason="Retry"), retry_after=0.0, is_answer=True), 1.0),
        (Failed(letter=Letter(reason="Reject: no"), is_permanent=True, is_answer=True), None),
        (Unanswered(letter=Letter(reason="503"), retry_after=100.0), 122.5),
    ],
)
async def test_what_the_plugin_or_the_server_asks_for_is_heeded(world, result, retry_in):
    world.results["a.up"] = [result]
    lifecycle = world.lifecycle(plugin("a", [("up", 0)]))
    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(lifecycle.start(world.commit), name="start")
        await until(lambda: world.named("plugin.start_failed"))
        assert world.named("plugin.start_failed")[0].retry_in == retry_in
        assert not lifecycle.is_busy
        starting.cancel()


async def test_one_that_leaves_a_thread_behind_at_each_try_is_not_tried_for_ever(world):
    world.results["a.up"] = [Failed(letter=Letter(reason="deadline passed"))]
    world.outliving["a"] = 15
    lifecycle = world.lifecycle(plugin("a", [("up", 0)]))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lifecycle.start(world.commit), name="start")
        await until(lambda: world.named("plugin.start_failed"))
        world.outliving["a"] = 16
        world.now += 60
        lifecycle.wake()
        await until(lambda: len(world.named("plugin.start_failed")) > 1)
        assert world.ran == [("a.up", 1)]
        world.outliving["a"] = 15
        world.now += 60
        lifecycle.wake()

    assert world.ran == [("a.up", 1), ("a.up", 3)]
    assert "16 runs of it go on" in world.named("plugin.start_failed")[1].reason


async def test_the_operator_may_have_it_tried_at_once(world):
    world.results["a.up"] = [Failed(letter=Letter(reason="Reject: no"), is_permanent=True, is_answer=True)]
    lifecycle = world.lifecycle(plugin("a", [("up", 0)]), plugin("b"))
    assert not lifecycle.retry("a")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lifecycle.start(world.commit), name="start")
        await until(lambda: lifecycle.next_at == math.inf)
        assert not lifecycle.retry("b")
        assert lifecycle.retry("a")
    assert world.ran == [("a.up", 1), ("a.up", 2)]


async def test_a_clock_that_is_set_back_keeps_nobody_waiting(world):
    world.results["a.up"] = [FAILED]
    lifecycle = world.lifecycle(plugin("a", [("up", 0)]))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lifecycle.start(world.commit), name="start")
        await until(lambda: world.named("plugin.start_failed"))
        world.now -= 3600
        lifecycle.rewind(3600)
        world.now += 8
        lifecycle.wake()
    assert world.ran == [("a.up", 1), ("a.up", 2)]


async def test_what_a_hook_changes_is_written_down_once_it_has_returned(world):
    world.results["a.up"] = [Returned(changes=CHANGES)]
    world.results["a.down"] = [Returned(changes=CHANGES)]
    lifecycle = world.lifecycle(plugin("a", [("up", 0)], [("down", 0)]))

    await lifecycle.start(world.commit)
    assert world.planned == [("a", CHANGES)]
    assert world.ended == [("a.up", EndOutcome.DONE)]
    await lifecycle.stop(time.monotonic() + 100)
    assert world.planned == [("a", CHANGES)] * 2


async def test_a_start_that_was_made_from_what_is_there_no_more_is_made_again(world):
    world.results["a.up"] = [Returned(changes=CHANGES)]
    world.outcome = EndOutcome.OUTDATED
    lifecycle = world.lifecycle(plugin("a", [("up", 0)]))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lifecycle.start(world.commit), name="start")
        await until(lambda: world.named("plugin.start_failed"))
        world.now += 60
        lifecycle.wake()
    assert world.ran == [("a.up", 1), ("a.up", 2)]


async def test_only_what_has_started_is_stopped_and_a_failure_stops_no_other(world):
    world.results["a.up"] = [FAILED]
    world.results["c.down"] = [FAILED]
    names = ("a", "b", "c")
    lifecycle = world.lifecycle(*(plugin(name, [("up", 0)], [("down", 0)]) for name in names))
    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(lifecycle.start(world.commit), name="start")
        await until(lambda: ("c.up", 1) in world.ran and not lifecycle.is_busy)
        starting.cancel()

    await lifecycle.stop(time.monotonic() + 100)

    assert world.ran[3:] == ["c.down", "b.down"]
    (failed,) = world.named("plugin.stop_failed")
    assert (failed.handler, failed.reason) == ("c.down", "ValueError")


async def test_each_has_its_own_deadline_within_that_of_the_stop(world):
    quick = plugin("a", [("up", 0)], [("down", 0)], timeout=3)
    usual = plugin("b", [("up", 0)], [("down", 0)])
    lifecycle = world.lifecycle(quick, usual)
    await lifecycle.start(world.commit)
    await lifecycle.stop(time.monotonic() + 1000)
    assert {name: round(left) for name, left in world.deadlines.items()} == {
        "a.up": 3,
        "b.up": 100,
        "a.down": 3,
        "b.down": round(STOP_SECONDS),
    }
    await lifecycle.stop(time.monotonic() + 2)
    assert round(world.deadlines["b.down"]) <= 2


async def test_a_hook_that_is_cut_short_is_told_and_no_other_is_begun(world):
    lifecycle = world.lifecycle(plugin("a", stops=[("down", 0)]), plugin("b", stops=[("down", 0)]))

    async def for_ever(bound, moment, **_):
        world.ran.append(bound.handler.id)
        await asyncio.get_running_loop().create_future()

    world.run = for_ever
    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(lifecycle.stop(math.inf), name="stop")
        await until(lambda: world.ran)
        stopping.cancel()
    assert world.ran == ["b.down"]
    assert [fact.reason for fact in world.named("plugin.stop_failed")] == ["no time was left"]
