"""The kit itself: it says what went wrong, jumps in order, and the dead say nothing."""

from __future__ import annotations

import asyncio
import re
import time
from typing import get_args

import pytest

from mycel_runtime import Plugin, Retry
from mycel_runtime.errors import ArgumentError, JournalError
from mycel_runtime.testing import Mycel
from mycel_runtime.testing.lifetime import KillPoint


def plugin_of(function, name="p", **filters):
    plugin = Plugin(name)
    plugin.on_message(**filters)(function)
    return plugin


async def echo(ctx):
    await ctx.reply(f"You said: {ctx.messages[-1].content}")


async def crash(ctx):
    raise LookupError("what is wrong")


async def answer_late(ctx):
    await asyncio.sleep(0.2)
    await ctx.reply("late")


async def say_nothing(ctx):
    pass


async def test_failure_shows_the_conversation(mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(echo), name="Echo")
    await ada.says("hello\nthere")

    with pytest.raises(AssertionError) as failure:
        await ada.hears(re.compile("^I said"))

    assert str(failure.value).splitlines() == [
        "Ada has not heard a match of '^I said'.",
        "Ada and Echo:",
        "    1 Ada: hello",
        "           there",
        "    2 Echo: You said: hello",
        "            there",
    ]


async def test_failure_shows_what_a_handler_has_raised_once_with_its_place(mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(crash), name="Echo", config={"dispatch": {"max_attempts": 3}})
    await ada.says("hello")

    with pytest.raises(AssertionError) as failure:
        await ada.hears("hello")

    text = str(failure.value)
    assert "Echo: p.crash given up after 3 attempts: LookupError" in text
    assert text.count("Traceback") == 1
    assert "in crash" in text
    assert "LookupError: what is wrong (3 times)" in text


async def test_who_listens_looks_once_for_each_thing_that_is_said(mycel, monkeypatch):
    """Not for each fact of a reply, of which there are a dozen, nor when somebody has read something."""
    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(echo))
    asked, ask = [], mycel.ask

    def counted(verb, **arguments):
        asked.append(verb)
        return ask(verb, **arguments)

    monkeypatch.setattr(mycel, "ask", counted)
    said = await ada.says("hello")
    await ada.hears("You said: hello")

    assert (said.seq, said.content, said.sender.id) == (1, "hello", ada.id)
    assert asked.count("overhear") == 2


async def test_nothing_is_waited_for_that_cannot_come(mycel):
    """A failing test must not cost its whole patience."""
    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(say_nothing))
    await ada.says("hello")

    async with asyncio.timeout(60):
        with pytest.raises(AssertionError, match="has not heard anything"):
            await ada.hears(within=3600)


async def test_what_takes_its_time_is_waited_for(mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(answer_late))
    await ada.says("hello")
    await ada.hears("late")


async def test_hearing_nothing_fails_when_somebody_speaks(mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(echo))
    await ada.says("hello")
    with pytest.raises(AssertionError, match="Ada has heard 'You said: hello'"):
        await ada.hears_nothing()
    await ada.hears_nothing("something else")


async def test_what_was_heard_is_not_heard_again(mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(echo))
    await ada.says("one")
    first = await ada.hears(re.compile("You said"))
    await ada.says("two")
    second = await ada.hears(re.compile("You said"))
    assert (first.content, second.content) == ("You said: one", "You said: two")
    await ada.hears_nothing()


async def test_time_passes_in_order_and_each_is_done_at_its_time(mycel):
    began, seen = mycel.clock(), []

    async def three_times(ctx):
        seen.append(round((mycel.clock() - began) / 600))
        if len(seen) < 4:
            raise Retry(after=600)

    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(three_times))
    await ada.says("hello")
    await mycel.passes(minutes=25)
    assert seen == [0, 1, 2]
    assert mycel.clock() - began >= 1500
    await mycel.passes(hours=1)
    assert seen == [0, 1, 2, 3]


async def test_messages_are_stamped_by_the_clock_that_jumps(mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(say_nothing))
    before = await ada.says("one")
    await mycel.passes(days=2)
    after = await ada.says("two")
    assert (after.created_at - before.created_at).days == 2


@pytest.mark.slow
@pytest.mark.parametrize("point", get_args(KillPoint))
async def test_killed_at_each_step_it_answers_once_and_says_why(mycel, point):
    ada = await mycel.human("Ada")
    agent = await mycel.agent(plugin_of(echo))
    agent.die_at(point)
    await ada.says("hello")
    await ada.hears("You said: hello")
    await ada.hears_nothing()
    assert [fact.name for fact in agent.facts].count("stream.connected") == 2


async def test_who_is_killed_says_nothing_whatever_his_handler_tries(mycel):
    is_there, tries = asyncio.Event(), []

    async def insist(ctx):
        try:
            is_there.set()
            await asyncio.sleep(3600)
        finally:
            for text in ("one", "two"):
                try:
                    await ctx.reply(text)
                except BaseException as exc:  # noqa: BLE001 - on purpose
                    tries.append(type(exc).__name__)

    ada = await mycel.human("Ada")
    agent = await mycel.agent(plugin_of(insist))
    await ada.says("hello")
    async with asyncio.timeout(60):
        await is_there.wait()
    await agent.kill()
    await ada.hears_nothing()
    assert tries
    assert set(tries) <= {"KilledError", "CancelledError"}


async def test_who_is_stopped_may_say_what_he_is_about_to(mycel):
    is_there = asyncio.Event()

    async def think(ctx):
        is_there.set()
        await asyncio.sleep(0.1)
        await ctx.reply("thought")

    ada = await mycel.human("Ada")
    agent = await mycel.agent(plugin_of(think))
    await ada.says("hello")
    async with asyncio.timeout(60):
        await is_there.wait()
    await agent.stop()
    await ada.hears("thought")
    assert repr(agent) == "<Agent 'p' (not running)>"
    await agent.restart()
    with pytest.raises(ArgumentError, match="is running"):
        await agent.start()


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["drop_streams", "half_open_streams", "restart", "fail_delivery"])
async def test_trouble_of_every_kind_costs_the_wait_only(mycel, trouble):
    ada = await mycel.human("Ada")
    await mycel.agent(plugin_of(echo))
    getattr(mycel.faults, trouble)()
    await ada.says("hello")
    await ada.hears("You said: hello")
    await ada.hears_nothing()


async def test_trouble_of_one_test_is_not_the_next_ones(mycel, tmp_path):
    mycel.faults.refuse(503, times=1000)
    mycel.clock.jump_to(mycel.clock() + 3600)
    async with Mycel(tmp_path / "next") as after:
        pass
    assert not after.faults.is_armed
    assert after.clock() == pytest.approx(time.time(), abs=60)


async def test_an_agent_whose_journal_fails_ends_the_test_with_its_error(mycel, monkeypatch):
    ada = await mycel.human("Ada")
    agent = await mycel.agent(plugin_of(echo))

    async def fail(*args, **kwargs):
        raise JournalError("the disk is full")

    monkeypatch.setattr(agent._journal, "claim", fail)
    await ada.says("hello")
    with pytest.raises(JournalError, match="the disk is full"):
        await ada.hears("You said: hello")


async def test_without_its_fixture_it_is_a_context_manager_with_a_server_of_its_own(tmp_path):
    async with Mycel(tmp_path) as mycel:
        ada = await mycel.human("Ada")
        await mycel.agent(plugin_of(echo))
        await ada.says("hello")
        await ada.hears("You said: hello")


async def test_who_is_meant_must_be_clear(mycel):
    ada = await mycel.human("Ada")
    with pytest.raises(ArgumentError, match="there are 0 agents"):
        await ada.says("hello")
    one = await mycel.agent(plugin_of(echo), name="One")
    await mycel.agent(plugin_of(echo), name="Two")
    with pytest.raises(ArgumentError, match="there are 2 agents"):
        await ada.says("hello")
    await ada.says("hello", to=one)
    await ada.hears("You said: hello", where=one)


async def test_agents_without_plugins_and_settings_of_nobody_are_refused(mycel):
    with pytest.raises(ArgumentError, match="without plugins"):
        await mycel.agent()
    with pytest.raises(ArgumentError, match="settings of q"):
        await mycel.agent(plugin_of(echo), settings={"q": {}})
    with pytest.raises(ArgumentError, match="an agent has not made"):
        await mycel.group("room", await mycel.agent(plugin_of(echo)))
