"""How a plugin is tried in trouble: failures, conflicts, lost answers, restarts and kills, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mycel_runtime import MessageContext, Plugin, Reject, Retry

if TYPE_CHECKING:
    from mycel_runtime.testing import Mycel

echo = Plugin("echo")


@echo.on_message
async def answer(ctx: MessageContext) -> None:
    await ctx.reply(" + ".join(message.content for message in ctx.messages))


async def test_what_slips_in_before_the_reply_is_answered_too(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(echo)
    mycel.faults.interject(ada.id, "and sugar")

    await ada.says("milk")

    await ada.hears("milk")
    await ada.hears("and sugar")
    await ada.hears_nothing()


async def test_a_conflict_costs_nothing_but_another_run(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(echo)
    mycel.faults.conflict_once()

    await ada.says("hello")

    await ada.hears("hello")
    await ada.hears_nothing()


async def test_a_lost_answer_is_not_said_twice(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(echo)
    mycel.faults.lose_answer()

    await ada.says("hello")

    await ada.hears("hello")
    await ada.hears_nothing()


async def test_a_restart_of_the_server_costs_nothing(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(echo)
    mycel.faults.restart()

    await ada.says("hello")

    await ada.hears("hello")


async def test_what_a_deaf_stream_keeps_back_is_heard(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(echo)
    mycel.faults.swallow_wakes(1)

    await ada.says("hello")

    await ada.hears("hello")


@pytest.mark.parametrize("point", ["before intent", "after send", "before finish"])
async def test_killed_at_any_step_it_answers_once(mycel: Mycel, point):
    ada = await mycel.human("Ada")
    agent = await mycel.agent(echo)
    agent.die_at(point)

    await ada.says("hello")

    await ada.hears("hello")
    await ada.hears_nothing()


async def test_what_is_said_in_a_downtime_is_answered_after_it(mycel: Mycel):
    ada = await mycel.human("Ada")
    agent = await mycel.agent(echo)
    await agent.kill()

    await ada.says("hello")
    await agent.start()

    await ada.hears("hello")


fickle = Plugin("fickle")


@fickle.on_message
async def fail_twice(ctx: MessageContext) -> None:
    if ctx.attempt <= 2:
        raise ConnectionError
    await ctx.reply(f"attempt {ctx.attempt}")


async def test_failures_are_repeated_without_waiting_for_it(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(fickle)

    await ada.says("hello")

    await ada.hears("attempt 3")


strict = Plugin("strict")


@strict.on_message
async def refuse(ctx: MessageContext) -> None:
    raise Reject("no")


async def test_what_is_rejected_is_a_dead_letter(mycel: Mycel):
    ada = await mycel.human("Ada")
    agent = await mycel.agent(strict)

    await ada.says("hello")
    await ada.hears_nothing()

    (letter,) = await agent.dead_letters()
    assert letter.reason == "Reject: no"


patient = Plugin("patient")


@patient.on_message
async def wait(ctx: MessageContext) -> None:
    if ctx.attempt == 1:
        raise Retry(after=3600)
    await ctx.reply("An hour later")


async def test_an_hour_passes_at_once(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(patient)

    await ada.says("hello")
    await mycel.passes(minutes=59)
    await ada.hears_nothing()
    await mycel.passes(minutes=2)

    await ada.hears("An hour later")


listener = Plugin("listener")


@listener.on_message(quiet=30)
async def sum_up(ctx: MessageContext) -> None:
    await ctx.reply(f"{len(ctx.messages)} thoughts")


async def test_it_waits_until_nobody_has_spoken_for_a_while(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(listener)

    await ada.says("one thought")
    await mycel.passes(seconds=20)
    await ada.says("and another")
    await mycel.passes(seconds=20)
    await ada.hears_nothing()

    await ada.hears("2 thoughts", within=20)


async def test_agents_that_answer_each_other_fall_silent(mycel: Mycel):
    ada = await mycel.human("Ada")
    one, two = await mycel.agent(echo, name="One"), await mycel.agent(echo, name="Two")
    room = await mycel.group("The room", ada, one, two)

    await ada.says("hello", to=room)
    await mycel.settles()

    assert any(fact.name == "guard.tripped" for fact in (*one.facts, *two.facts))
