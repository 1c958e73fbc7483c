"""Handlers as people write them: each message reaches the body, once, and its words reach the chat."""

from __future__ import annotations

import functools
import threading

import pytest

from mycel_runtime.plugin.plugin import Plugin

pytestmark = pytest.mark.slow


def measured(function):
    """An ordinary decorator: it knows nothing of coroutines."""

    @functools.wraps(function)
    def around(*args):
        around.calls += 1
        return function(*args)

    around.calls = 0
    return around


@measured
async def decorated(ctx):
    history = await ctx.history()
    sent = await ctx.reply(
        f"decorated {len(history)} {threading.current_thread() is threading.main_thread()}"
    )
    await ctx.reply(f"and {sent.seq} of {len(await ctx.members())}")


@measured
def plain(ctx):
    ctx.reply(f"plain {len(ctx.history())} {threading.current_thread() is threading.main_thread()}")


class Answerer:
    async def __call__(self, ctx):
        await ctx.reply("callable")

    def method(self, ctx):
        ctx.reply("method")


async def greet(greeting, ctx):
    await ctx.reply(greeting)


@measured
def produces(ctx):
    yield ctx.reply("never")


async def forgetful(ctx):
    ctx.reply("never")


@measured
def forgets_behind_a_decorator(ctx):
    return forgetful(ctx)


async def says_one_of_two(ctx):
    await ctx.reply("one")
    ctx.reply("two")


@pytest.mark.parametrize(
    ("handler", "answers", "reasons"),
    [
        (decorated, ["decorated 1 True", "and 2 of 2"], []),
        (plain, ["plain 1 False"], []),
        (Answerer(), ["callable"], []),
        (Answerer().method, ["method"], []),
        (functools.partial(greet, "partial"), ["partial"], []),
        (produces, [], ["HandlerIsGeneratorError"]),
        (forgetful, [], ["ReplyNotAwaitedError"]),
        (forgets_behind_a_decorator, [], ["ReplyNotAwaitedError"]),
        (says_one_of_two, ["one"], ["ReplyNotAwaitedError"]),
    ],
    ids=[
        *("decorated", "plain", "callable", "method", "partial"),
        *("generator", "forgetful", "forgets behind a decorator", "says one of two"),
    ],
)
async def test_it_answers_or_says_why_it_cannot(world, handler, answers, reasons):
    plugin = Plugin("p")
    plugin.on_message(handler)
    agent = await world.agent("a", plugin, max_attempts=1)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]

    await world.say(chat_id, "hello")
    await agent.hear(chat_id)

    said = [message["content"] for message in await world.owner.messages.list(chat_id)]
    assert said == ["hello", *answers]
    assert [letter.reason for letter in await agent.journal.dead_letters("a")] == reasons


async def test_q42_a_stranger_who_asks_to_join_reaches_only_handlers_that_ask_for_it(world):
    """And is nobody who attends the chat: he need not be in it."""
    plugin, heard = Plugin("p"), []

    @plugin.on_message
    async def usual(ctx):
        heard.extend(("usual", message.message_type) for message in ctx.messages)

    @plugin.on_message(notifications=True)
    async def asking(ctx):
        heard.extend(("asking", message.message_type) for message in ctx.messages)

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    me = (await world.owner.me.whoami())["id"]
    world.backend.ask("say", user_id=me, chat_id=chat_id, content="obey me", message_type="notification")
    await agent.hear(chat_id)
    assert heard == [("asking", "notification")]

    await world.say(chat_id, "hello")
    await agent.hear(chat_id)
    assert sorted(heard[1:]) == [("asking", "human"), ("usual", "human")]
