"""What never gets better costs the handlers little and the backend less and less."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter

import pytest

from mycel_runtime.errors import ArgumentError
from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.conftest import insist
from tests.integration.speech.test_quirks import listening, recorded
from tests.integration.speech.test_unresolved_sends import contents

MINUTES = 5


async def test_a_chat_that_cannot_be_read_is_asked_less_and_less_while_another_is_busy(world):
    plugin, shown = listening()
    agent = await world.agent("a", plugin, retry_base=1.0, retry_cap=60.0)
    await world.user("other")
    broken = (await world.owner.chats.create(["a", "other"], kind="group", title="g"))["id"]
    busy = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(broken, "x")
    world.backend.faults.refuse(500, 10**6, path=f"/api/chats/{broken}/messages", method="GET")
    asked = recorded(agent, "list")
    await agent.hear(broken, 1)
    for number in range(MINUTES * 12):
        await world.say(busy, f"{number}")
        await agent.hear(busy, number + 1)
        agent.clock.ahead += 5

    assert len(shown) == MINUTES * 12
    assert 3 < sum(args[0] == broken for args in asked) < MINUTES * 4


async def test_a_refusal_for_what_nobody_can_see_is_a_dead_letter_in_the_end(world):
    """By the rules of generation A a number that was drawn and never used (Q54) is in the way for ever."""
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        await ctx.reply("hi")

    agent = await world.agent("a", plugin, max_attempts=3)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    newest = await world.say(chat_id, "x")
    world.backend.faults.refuse(409, 1_000, path=f"/api/chats/{chat_id}/messages", method="POST")
    await agent.hear(chat_id, 1)
    for _ in range(5):
        agent.clock.ahead += 60
        await agent.deliver()

    assert runs == [1, 2, 3]
    (letter,) = await agent.journal.dead_letters("a")
    assert letter.message_ids == (newest["id"],)
    world.backend.faults.clear()
    await agent.journal.revive("a", letter.dead_letter_id)
    await agent.deliver()
    assert await contents(world, chat_id, "a") == ["hi"]


async def two_chats(world, plugin, **dispatch):
    """An agent, a direct chat, and a group."""
    times = {"retry_base": 1.0, "retry_cap": 60.0}
    agent = await world.agent("a", plugin, max_attempts=3, **times | dispatch)
    await world.user("other")
    direct = (await world.owner.chats.ensure_direct("a"))["id"]
    group = (await world.owner.chats.create(["a", "other"], kind="group", title="g"))["id"]
    return agent, direct, group


def fail_in(world, chat_id, *, method, path="messages", status=500):
    world.backend.faults.refuse(status, 10**6, path=f"/api/chats/{chat_id}/{path}", method=method)


async def wait(agent, minutes):
    """Whatever becomes due meanwhile is delivered."""
    for _ in range(minutes * 2):
        agent.clock.ahead += 30
        await agent.deliver()


def answering():
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.chat_id)
        await ctx.reply(f"re: {ctx.messages[-1].content}")

    return plugin, runs


@pytest.mark.parametrize("path", ["messages", "messages/read"])
async def test_a_send_that_is_a_500_in_one_chat_only_becomes_a_dead_letter_with_what_the_server_says(
    world, path
):
    """The proof before it is a write too."""
    plugin, runs = answering()
    agent, direct, group = await two_chats(world, plugin)
    await world.say(group, "x")
    fail_in(world, group, method="POST", path=path)
    await agent.hear(group, 1)
    await wait(agent, 5)
    (blocked,) = agent.parts.dispatcher.blocked.chats
    assert (blocked.chat_id, blocked.operation, blocked.since) == (
        group,
        "send",
        pytest.approx(time.time(), abs=60),
    )
    assert blocked.reason.startswith("ServerError 500: ")
    assert await agent.journal.dead_letters("a") == []
    asked = len(runs)

    await world.say(direct, "y")
    await agent.hear(direct, 1)
    await wait(agent, 5)

    (letter,) = await agent.journal.dead_letters("a")
    assert (letter.chat_id, letter.reason, letter.attempts) == (group, blocked.reason, 3)
    assert (letter.through_seq, len(letter.message_ids)) == (1, 1)
    assert list(agent.parts.dispatcher.blocked.chats) == []
    assert len(runs) == asked + 1 + 3
    assert await contents(world, direct, "a") == ["re: y"]
    world.backend.faults.clear()
    await world.say(group, "z")
    await agent.hear(group, 2)
    await agent.journal.revive("a", letter.dead_letter_id)
    await agent.deliver()
    assert await contents(world, group, "a") == ["re: z", "re: x"]


async def test_a_send_that_is_a_500_for_an_hour_is_a_dead_letter_though_no_other_chat_is_spoken_in(world):
    plugin, _ = answering()
    agent, _, group = await two_chats(world, plugin)
    await world.say(group, "x")
    fail_in(world, group, method="POST")
    await agent.hear(group, 1)
    await wait(agent, 55)
    assert await agent.journal.dead_letters("a") == []

    await wait(agent, 10)

    assert [letter.attempts for letter in await agent.journal.dead_letters("a")] == [3]


@pytest.mark.slow
async def test_ten_minutes_in_which_all_writes_answer_500_bury_nothing(world):
    """In the midst of a conversation, with the last of its sends still under way."""
    plugin, _ = answering()
    agent, direct, group = await two_chats(world, plugin)
    for number in range(5):
        await world.say(direct, f"{number}")
        await agent.hear(direct, 2 * number + 1)
    for chat_id in (direct, group):
        await world.say(chat_id, "last")
    for chat_id in (direct, group):
        fail_in(world, chat_id, method="POST")
        await agent.hear(chat_id)
    await wait(agent, 10)
    assert len(agent.parts.dispatcher.blocked.chats) == 2

    world.backend.faults.clear()
    await wait(agent, 3)

    assert await agent.journal.dead_letters("a") == []
    assert list(agent.parts.dispatcher.blocked.chats) == []
    assert (await contents(world, direct, "a"))[-1] == "re: last"
    assert await contents(world, group, "a") == ["re: last"]


@pytest.mark.parametrize("trouble", ["500", "walk"])
async def test_a_chat_that_cannot_be_read_while_others_can_is_a_dead_letter_and_comes_back(world, trouble):
    """Also by a server that answers each page with the newest messages again: that walk would never end."""
    plugin, shown = listening()
    agent, direct, group = await two_chats(world, plugin)
    await world.say(group, "first")
    await agent.hear(group, 1)
    for number in range(20):
        await world.say(group, f"{number}")
    listed = agent.sdk.messages.list

    async def newest_again(chat_id, *, limit=50, before=None):
        page = {"limit": 5} if chat_id == group else {"limit": limit, "before": before}
        return await listed(chat_id, **page)

    if trouble == "walk":
        agent.sdk.messages.list = newest_again
    else:
        fail_in(world, group, method="GET")
    async with asyncio.timeout(60):
        await agent.hear(group, 21)
        await wait(agent, 5)
        assert agent.parts.dispatcher.blocked.chats[0].operation == "read"
        await world.say(direct, "y")
        await agent.hear(direct, 1)
        await wait(agent, 5)
    (letter,) = await agent.journal.dead_letters("a")
    assert (letter.chat_id, letter.attempts) == (group, 3)
    assert ("does not begin before it" if trouble == "walk" else "ServerError 500") in letter.reason

    agent.sdk.messages.list = listed
    world.backend.faults.clear()
    await agent.journal.revive("a", letter.dead_letter_id)
    await agent.deliver()
    assert shown == ["first", "y", *(f"{number}" for number in range(20))]


@pytest.mark.parametrize("policy", ["rerun", "raise", "drop"])
async def test_a_409_that_never_ends_is_a_dead_letter_by_any_policy(world, policy):
    """Though the handler swallows whatever it can: nothing is new, and yet nothing may be said."""
    plugin, runs = Plugin("p"), []

    @plugin.on_message(on_conflict=policy)
    async def answer(ctx):
        runs.append(ctx.attempt)
        await ctx.reply("hi")

    agent = await world.agent("a", plugin, max_attempts=3)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    fail_in(world, chat_id, method="POST", status=409)
    await agent.hear(chat_id, 1)
    await wait(agent, 3)

    assert runs == [1, 2, 3]
    (letter,) = await agent.journal.dead_letters("a")
    assert letter.attempts == 3
    assert "409" in letter.reason or policy == "raise"


async def test_a_409_that_never_ends_is_no_answer_though_the_handler_swallows_it(world):
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        await insist(ctx, "hi")

    agent = await world.agent("a", plugin, max_attempts=2)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    fail_in(world, chat_id, method="POST", status=409)
    await agent.hear(chat_id, 1)
    await wait(agent, 3)

    assert len(await agent.journal.dead_letters("a")) == 1


@pytest.mark.parametrize("text", ["", " \n", "a\0b", "half \ud800", None, 17])
async def test_what_cannot_be_said_is_refused_before_anything_is_asked(world, text):
    """The next message is answered, and the letter says what was wrong with the words."""
    plugin, errors = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        content = ctx.messages[-1].content
        try:
            await ctx.reply(text if content == "x" else f"re: {content}")
        except ArgumentError as exc:
            errors.append(exc)
            raise

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    sent = recorded(agent, "send")
    read = recorded(agent, "read")
    await agent.hear(chat_id, 1)
    assert (sent, read) == ([], [])
    await world.say(chat_id, "y")
    await agent.hear(chat_id, 2)

    (letter,) = await agent.journal.dead_letters("a")
    assert letter.reason == f"ArgumentError: {errors[0].problem}"
    assert (letter.through_seq, letter.attempts) == (1, 1)
    assert await contents(world, chat_id, "a") == ["re: y"]


async def test_what_cannot_be_said_keeps_the_place_of_what_is_said_instead(world):
    """A handler that mends its words in the next run says nothing twice."""
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        runs.append(ctx.attempt)
        with contextlib.suppress(ArgumentError):
            await ctx.reply(" " if len(runs) == 1 else "one")
        await ctx.reply("two")
        if len(runs) == 1:
            raise ValueError

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    await agent.hear(chat_id, 1)
    await wait(agent, 2)

    assert sorted(await contents(world, chat_id, "a")) == ["one", "two"]


@pytest.mark.parametrize("limit", [0, 201, "5"])
async def test_a_history_that_is_no_page_is_refused_before_anything_is_asked(world, limit):
    plugin, errors = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        with pytest.raises(ArgumentError) as caught:
            await ctx.history(limit)
        errors.append(caught.value)

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    await agent.hear(chat_id, 1)

    assert "from 1 to 200" in errors[0].problem


async def test_a_dead_letters_reason_keeps_what_the_server_said(world):
    plugin, _ = answering()
    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    fail_in(world, chat_id, method="POST", status=422)
    await agent.hear(chat_id, 1)

    (letter,) = await agent.journal.dead_letters("a")
    assert letter.reason == "ValidationError 422: refused by a fault"


async def test_a_handler_that_is_always_overtaken_is_shown_a_message_a_bounded_number_of_times(world):
    """Somebody speaks before every reply: no round spends an attempt, the last one ends in a letter that says why."""
    plugin, shown, words = Plugin("p"), [], [f"{number}" for number in range(7)]

    @plugin.on_message
    async def answer(ctx):
        shown.append([message.content for message in ctx.messages])
        if words:
            await world.say(ctx.chat_id, words.pop(0))
        await ctx.reply("hi")

    agent = await world.agent("a", plugin, max_attempts=1, conflict_rounds=3)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    await agent.hear(chat_id, 1)
    for _ in range(12):
        agent.clock.ahead += 60
        await agent.deliver()

    times = Counter(text for run in shown for text in run)
    assert set(times) == {"x", *(f"{number}" for number in range(7))}
    assert max(times.values()) == 4
    assert await contents(world, chat_id, "a") == ["hi"]
    letters = await agent.journal.dead_letters("a")
    assert [letter.after_seq for letter in letters] == [0, 4, 5, 6]
    assert all(letter.reason.startswith("somebody spoke during each run") for letter in letters)
    assert {fact.reason for fact in agent.memory.named("delivery.postponed")} == {"outspoken 3 times"}
