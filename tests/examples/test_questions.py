"""How a plugin that asks is tested: people answer, in time or late, or a run is given an answer of the test's own."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mycel_runtime import (
    AnswerContext,
    MessageContext,
    Plugin,
    RelationshipContext,
    SyncAnswerContext,
    TimerContext,
)
from mycel_runtime.errors import ArgumentError
from mycel_runtime.testing import BareAnswer, BareChat

if TYPE_CHECKING:
    from mycel_runtime.testing import Mycel

booking = Plugin("booking")


@booking.on_message(pattern="^book")
async def book(ctx: MessageContext) -> None:
    what = ctx.messages[-1].content.removeprefix("book ")
    await ctx.ask(ctx.chat_id, f"When do you want {what}?", name="when", data=what, timeout=3600)


@booking.on_answer("when")
async def booked(ctx: AnswerContext) -> None:
    if ctx.answer is None:
        await ctx.reply(f"No {ctx.data} then.")
        return
    # Who writes "five", and "no, six" at once, means six.
    time = ([ctx.answer, *ctx.meanwhile])[-1].content
    ctx.chat_store[ctx.data] = time
    await ctx.reply(f"{ctx.data} at {time}")


@booking.on_message
async def anything_else(ctx: MessageContext) -> None:
    for message in ctx.messages:
        if not message.content.startswith("book"):
            await ctx.reply(f"Pardon, {message.content}?")


async def test_an_answer_goes_to_who_asked_and_to_nobody_else(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(booking)
    await ada.says("book tea")
    await ada.hears("When do you want tea?")

    await ada.says("five")
    await ada.hears("tea at five")
    await ada.says("six")
    await ada.hears("Pardon, six?")
    await ada.hears_nothing()


async def test_who_does_not_answer_in_time_is_told_so(mycel: Mycel):
    ada = await mycel.human("Ada")
    agent = await mycel.agent(booking)
    await ada.says("book tea")
    await ada.hears("When do you want tea?")

    await mycel.passes(minutes=59)
    await agent.restart()
    await mycel.passes(minutes=2)
    await ada.hears("No tea then.")

    await ada.says("five")
    await ada.hears("Pardon, five?")
    await ada.hears_nothing(re.compile("tea"))


pollster = Plugin("pollster")


@pollster.on_timer("poll")
async def poll(ctx: TimerContext) -> None:
    await ctx.ask(ctx.data, "Tea or coffee?", name="drink", timeout=timedelta(days=2))


@pollster.on_relationship
async def greet(ctx: RelationshipContext) -> None:
    if ctx.is_open:
        await ctx.approve()
        ctx.timers.set("poll", after=60, data=await ctx.chats.direct(ctx.other_user_id))


@pollster.on_answer("drink")
def drink(ctx: SyncAnswerContext) -> None:
    ctx.reply("Nobody is there." if ctx.timed_out else f"{ctx.messages[-1].content} it is.")


async def test_an_agent_that_only_asks_hears_the_answer(mycel: Mycel):
    ada = await mycel.human("Ada")
    agent = await mycel.agent(pollster)
    await ada.requests(agent)
    await mycel.passes(minutes=2)
    await ada.hears("Tea or coffee?")

    await ada.says("Tea")
    await ada.hears("Tea it is.")


async def test_a_question_is_asked_without_a_server():
    chat = BareChat("book tea", questions=["when"])
    await book(chat.ctx)
    (question,) = chat.asked
    assert (question.text, question.name, question.data) == ("When do you want tea?", "when", "tea")


async def test_in_a_group_who_spoke_last_is_asked():
    chat = BareChat("book tea", chat_type="group", questions=["when"])
    await book(chat.ctx)
    assert chat.asked[0].user_id == "ada"

    timer = BareChat(chat_type="group", questions=["when"])
    with pytest.raises(ArgumentError, match="who is asked"):
        await timer.ctx.ask(timer.ctx.chat_id, "When?", name="when")


async def test_an_answer_is_given_without_a_server():
    answered = BareAnswer("when", "five", data="tea")
    await booked(answered.ctx)
    answered.assert_replies("tea at five")
    assert answered.ctx.chat_store["tea"] == "five"

    mended = BareAnswer("when", "five", data="tea", meanwhile=["no, six"], newer=["please"])
    await booked(mended.ctx)
    mended.assert_replies("tea at no, six")
    assert [each.content for each in await mended.ctx.newer()] == ["please"]
    assert [each.seq for each in mended.past] == [1, 2, 3, 4]

    unanswered = BareAnswer("when", data="tea")
    await booked(unanswered.ctx)
    unanswered.assert_replies("No tea then.")
