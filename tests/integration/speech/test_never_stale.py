"""A message is accepted only from a handler that was shown everything before it."""

from __future__ import annotations

import asyncio
import random

import pytest

from mycel_runtime.errors import NotCaughtUpError
from mycel_runtime.plugin.outcome import Retry
from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.conftest import insist
from tests.integration.speech.races import SERVERS, judge, race, race_of_answers, race_of_first_words

RUNS = 15
LATE_SECONDS = 2.5
"""What is said and handled meanwhile takes a tenth of it."""


@pytest.mark.slow
@pytest.mark.parametrize("options", SERVERS.values(), ids=SERVERS)
async def test_q28_whatever_comes_between_showing_and_sending_is_shown(world, options):
    """Q28: in generation B somebody can slip between the server's check and its write, and only there."""
    dice = random.Random(20261125)

    for run in range(RUNS):
        judge(await race(world, f"agent-{run}", dice))


@pytest.mark.slow
@pytest.mark.parametrize("options", SERVERS.values(), ids=SERVERS)
async def test_words_spoken_first_follow_only_what_every_handler_was_shown(world, options):
    dice = random.Random(20261129)

    for run in range(RUNS // 3):
        judge(await race_of_first_words(world, f"agent-{run}", dice))


@pytest.mark.slow
@pytest.mark.parametrize("options", SERVERS.values(), ids=SERVERS)
async def test_the_reply_to_an_answer_follows_only_what_its_handler_was_shown(world, options):
    dice = random.Random(20261130)

    for run in range(RUNS // 3):
        judge(await race_of_answers(world, f"agent-{run}", dice))


async def test_two_runtimes_in_one_chat_converge(world):
    def speaker():
        plugin = Plugin("p")

        @plugin.on_message(sender="human")
        async def answer(ctx):
            await asyncio.sleep(0)
            await ctx.reply(f"{ctx.me} heard {ctx.messages[-1].content}")

        return plugin

    one, two = await world.agent("one", speaker()), await world.agent("two", speaker())
    chat_id = (await world.owner.chats.create(["one", "two"], kind="group", title="g"))["id"]
    for number in range(10):
        await world.say(chat_id, f"{number}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(one.hear(chat_id))
            tasks.create_task(two.hear(chat_id))

    history = await world.owner.messages.list(chat_id, limit=200)
    for agent in (one, two):
        said = [message["content"] for message in history if message["sender_id"] == agent.me]
        assert said == [f"{agent.me} heard {number}" for number in range(10)]
        assert agent.memory.named("delivery.postponed") == []


@pytest.mark.parametrize("policy", ["raise", "drop"])
async def test_a_handler_may_choose_to_say_nothing_when_somebody_spoke_first(world, policy):
    plugin, shown, conflicts = Plugin("p"), [], []

    @plugin.on_message(on_conflict=policy)
    async def answer(ctx):
        shown.append([message.content for message in ctx.messages])
        if len(shown) == 1:
            await world.say(ctx.chat_id, "wait")
        try:
            await ctx.reply("ok")
        except NotCaughtUpError:
            conflicts.append(1)

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "go")
    await agent.hear(chat_id, 1)

    assert shown == [["go"], ["wait"]]
    assert len(conflicts) == (policy == "raise")
    assert [message["content"] for message in await world.owner.messages.list(chat_id)] == [
        "go",
        "wait",
        "ok",
    ]


async def test_a_handler_that_swallows_everything_cannot_speak_out_of_turn(world):
    """After the read that told us, the server would let the stale words through: nothing is unread any more."""
    plugin, shown = Plugin("p"), []

    @plugin.on_message
    async def answer(ctx):
        shown.append([message.content for message in ctx.messages])
        if len(shown) == 1:
            await world.say(ctx.chat_id, "wait")
        await insist(ctx, "ok")

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "go")
    await agent.hear(chat_id, 1)

    assert shown == [["go"], ["go", "wait"]]
    assert [message["content"] for message in await world.owner.messages.list(chat_id)] == [
        "go",
        "wait",
        "ok",
    ]


async def test_replies_at_the_same_time_take_turns(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        await asyncio.gather(*(ctx.reply(f"{number}") for number in range(5)))

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "go")
    await agent.hear(chat_id)

    said = [message["content"] for message in await world.owner.messages.list(chat_id)]
    assert sorted(said) == ["0", "1", "2", "3", "4", "go"]


async def listening(world):
    """What each run is shown, an agent that only listens, and its chat."""
    plugin, shown = Plugin("p"), []

    @plugin.on_message
    async def listen(ctx):
        shown.append([message.content for message in ctx.messages])

    agent = await world.agent("a", plugin)
    return shown, agent, (await world.owner.chats.ensure_direct("a"))["id"]


async def test_q27_a_lower_number_that_appears_late_is_shown_by_itself(world):
    shown, agent, chat_id = await listening(world)
    await world.say(chat_id, "one")
    await agent.hear(chat_id)
    async with asyncio.TaskGroup() as tasks:
        world.backend.faults.hold_message(LATE_SECONDS)
        late = tasks.create_task(world.say(chat_id, "two"))
        while world.backend.faults._holds:  # noqa: ASYNC110 - the server's thread tells nobody
            await asyncio.sleep(0.01)
        await world.say(chat_id, "three")
        await agent.hear(chat_id, 3)
        assert (shown, late.done()) == ([["one"], ["three"]], False)
    agent.clock.ahead += 5
    await agent.deliver()

    assert shown == [["one"], ["three"], ["two"]]
    assert (await agent.journal.statistics("a")).due == 0


async def test_q54_a_number_that_never_comes_is_looked_for_once_and_forgotten(world):
    shown, agent, chat_id = await listening(world)
    await world.say(chat_id, "one")
    world.backend.faults.lose_insert()
    with pytest.raises(Exception, match="500"):
        await world.say(chat_id, "lost")
    await world.say(chat_id, "three")
    await agent.hear(chat_id)
    assert (await agent.journal.statistics("a")).due == 1

    agent.clock.ahead += 5
    await agent.deliver()

    assert shown == [["one", "three"]]
    assert (await agent.journal.statistics("a")).due == 0


async def test_q37_of_a_groups_past_a_newcomer_is_shown_the_end_only(world):
    plugin, shown = Plugin("p"), []

    @plugin.on_message
    async def listen(ctx):
        shown.extend(message.content for message in ctx.messages)
        await ctx.reply("hello")

    await world.user("other")
    group = (await world.owner.chats.create(["other"], kind="group", title="g"))["id"]
    for number in range(12):
        await world.say(group, f"{number}")
    agent = await world.agent("a", plugin, past_cap=5)
    await world.owner.chats.add_member(group, "a")
    direct = (await world.owner.chats.ensure_direct("a"))["id"]
    for number in range(12):
        await world.say(direct, f"{number}")

    await agent.hear(group)
    assert shown == ["7", "8", "9", "10", "11"]
    shown.clear()
    await agent.hear(direct)
    assert shown == [f"{number}" for number in range(12)]


async def test_q26_what_one_handlers_read_has_hidden_from_the_server_is_shown_to_the_others(world):
    """Q26: reading as the identity makes a message read for every handler, and nobody announces it any more."""
    plugin, heard = Plugin("p"), []

    @plugin.on_message
    async def speak(ctx):
        if ctx.messages[-1].content == "go":
            await world.say(ctx.chat_id, "between")
        await ctx.reply("ok")

    @plugin.on_message
    async def listen(ctx):
        heard.extend(message.content for message in ctx.messages)

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "go")
    await agent.hear(chat_id, 1)

    assert heard == ["go", "between"]


async def test_q32_what_nobody_announced_and_a_reply_marks_as_read_is_shown_to_the_chats_other_handlers(
    world,
):
    """A message that mentions somebody else wakes nobody; whoever retries reads it, and marks it by his reply."""
    plugin, heard, shown = Plugin("p"), [], []

    @plugin.on_message
    async def listen(ctx):
        heard.append([message.content for message in ctx.messages])

    @plugin.on_message
    async def speak(ctx):
        shown.append([message.content for message in ctx.messages])
        if len(shown) == 1:
            raise Retry(after=1.0)
        await ctx.reply("ok")

    agent = await world.agent("a", plugin)
    await world.user("other")
    group = (await world.owner.chats.create(["a", "other"], kind="group", title="g"))["id"]
    await world.say(group, "one")
    await agent.hear(group, 1)
    await world.owner.messages.send(
        group, "two", mentions=["other"], delivery_scope=None, enforce_caught_up=False
    )
    agent.clock.ahead += 60
    await agent.deliver()

    assert shown == [["one"], ["one", "two"]]
    assert await agent.sdk.messages.unread(group) == []
    assert heard == [["one"], ["two"]]


async def test_what_is_said_while_a_newcomers_start_is_looked_for_is_shown(world):
    """Between the question what is unread and the one for the newest message, if they are asked in that order."""
    plugin, shown = Plugin("p"), []

    @plugin.on_message
    async def listen(ctx):
        shown.extend(message.content for message in ctx.messages)

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "old")
    await agent.sdk.messages.read(chat_id)
    messages, pending = agent.sdk.messages, ["between"]

    def with_somebody_who_speaks_after(ask):
        async def asked(*args, **kwargs):
            answer = await ask(*args, **kwargs)
            if pending:
                await world.say(chat_id, pending.pop())
            return answer

        return asked

    messages.unread = with_somebody_who_speaks_after(messages.unread)
    messages.list = with_somebody_who_speaks_after(messages.list)
    await agent.hear(chat_id, 1)
    await agent.hear(chat_id, (await world.owner.messages.list(chat_id))[-1]["seq"])

    assert shown == ["between"]


async def test_q27_what_appears_late_below_a_newcomers_first_message_is_shown_to_it(world):
    plugin, shown = Plugin("p"), []

    @plugin.on_message
    async def listen(ctx):
        shown.extend(message.content for message in ctx.messages)

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    world.backend.faults.hold_message(LATE_SECONDS)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.say(chat_id, "one"))
        while world.backend.faults._holds:  # noqa: ASYNC110 - the server's thread tells nobody
            await asyncio.sleep(0.01)
        await world.say(chat_id, "two")
        await agent.hear(chat_id, 2)
    agent.clock.ahead += 5
    await agent.deliver()

    assert shown == ["two", "one"]
