"""What is given up stands in one letter, which says what it covers, and comes back as what it was."""

from __future__ import annotations

import asyncio

import pytest

from mycel_runtime.dispatch.suspects import DEATHS_LIMIT
from mycel_runtime.plugin.outcome import Reject
from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.test_quirks import listening

LATE_SECONDS = 2.0


class Breakable:
    """A handler that answers, fails while it `is_broken` for messages with these words, and what it was shown."""

    def __init__(self, *, words="", error=ValueError):
        self.plugin, self.shown, self.is_broken = Plugin("p"), [], True

        @self.plugin.on_message
        async def answer(ctx):
            texts = [message.content for message in ctx.messages]
            self.shown.append(texts)
            if self.is_broken and any(words in text for text in texts):
                raise error("broken")
            await ctx.reply(f"re: {texts[-1]}")


async def hear_late(world, agent, chat_id):
    """Say three things, the second of which appears after the third was handled (Q27)."""
    await world.say(chat_id, "one")
    await agent.hear(chat_id)
    world.backend.faults.hold_message(LATE_SECONDS)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.say(chat_id, "late"))
        while world.backend.faults._holds:  # noqa: ASYNC110 - the server's thread tells nobody
            await asyncio.sleep(0.01)
        await world.say(chat_id, "three")
        await agent.hear(chat_id)


@pytest.mark.parametrize("error", [ValueError, Reject])
async def test_q27_a_late_message_that_is_given_up_is_given_up_once_and_comes_back_alone(world, error):
    handler = Breakable(words="late", error=error)
    agent = await world.agent("a", handler.plugin, max_attempts=2)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await hear_late(world, agent, chat_id)
    assert handler.shown == [["one"], ["three"]]
    for _ in range(4):
        agent.clock.ahead += 60
        await agent.deliver(limit=10)

    (letter,) = await agent.journal.dead_letters("a")
    late = (await world.owner.messages.list(chat_id))[2]
    assert (late["content"], letter.message_ids) == ("late", (late["id"],))
    assert letter.after_seq < late["seq"] <= letter.through_seq
    assert (await agent.journal.statistics("a")).due == 0

    handler.is_broken = False
    handler.shown.clear()
    await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver(limit=10)
    assert handler.shown == [["late"]]
    assert await agent.journal.dead_letters("a") == []


async def test_q27_a_number_that_was_missing_when_its_neighbours_were_given_up_is_shown_when_it_comes(world):
    handler = Breakable(words="three", error=Reject)
    agent = await world.agent("a", handler.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await hear_late(world, agent, chat_id)
    assert handler.shown == [["one"], ["three"]]
    agent.clock.ahead += 60
    await agent.deliver(limit=10)

    assert handler.shown == [["one"], ["three"], ["late"]]


async def test_what_a_handler_would_not_hear_of_is_shown_though_its_message_is_given_up(world):
    """With `on_conflict="raise"` the read has hidden it from the server's lists: nobody announces it (Q26)."""
    plugin, shown = Plugin("p"), []

    @plugin.on_message(on_conflict="raise")
    async def answer(ctx):
        shown.append([message.content for message in ctx.messages])
        if len(shown) == 1:
            await world.say(ctx.chat_id, "wait")
            await ctx.reply("ok")

    agent = await world.agent("a", plugin, max_attempts=1)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "go")
    await agent.hear(chat_id, 1)

    assert shown == [["go"], ["wait"]]
    assert len(await agent.journal.dead_letters("a")) == 1


def refuse_to_be_read(world, chat_id, times, path="/messages"):
    world.backend.faults.refuse(403, times, path=f"/api/chats/{chat_id}{path}", method="GET")


async def heard_one(world, *, max_attempts):
    """A handler that has been shown a first message, its agent, and the chat."""
    handler = Breakable()
    handler.is_broken = False
    agent = await world.agent("a", handler.plugin, max_attempts=max_attempts)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "1")
    await agent.hear(chat_id, 1)
    return handler, agent, chat_id


async def test_a_chat_that_was_given_up_unread_hides_no_later_message(world):
    """A hint without a number raises the level by one; where the burial believed it, as many were never shown."""
    handler, agent, chat_id = await heard_one(world, max_attempts=3)
    await world.say(chat_id, "2")
    refuse_to_be_read(world, chat_id, 3)
    for _ in range(3):
        await agent.hear(chat_id)
        agent.clock.ahead += 60
    assert len(await agent.journal.dead_letters("a")) == 1
    for number in (3, 4, 5):
        await world.say(chat_id, f"{number}")
        await agent.hear(chat_id, (await world.owner.messages.list(chat_id))[-1]["seq"])

    assert handler.shown == [["1"], ["2", "3"], ["4"], ["5"]]


async def test_what_was_announced_and_given_up_unread_comes_back_when_its_letter_is_retried(world):
    handler, agent, chat_id = await heard_one(world, max_attempts=1)
    newest = (await world.say(chat_id, "2"))["seq"]
    refuse_to_be_read(world, chat_id, 1)
    await agent.hear(chat_id, newest)
    # Announced again by whoever compares the lists: it was given up all the same.
    await agent.hear(chat_id, newest)
    assert handler.shown == [["1"]]

    (letter,) = await agent.journal.dead_letters("a")
    await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()
    assert handler.shown == [["1"], ["2"]]
    assert (await agent.journal.statistics("a")).due == 0


async def test_a_letter_of_a_newcomer_comes_back_wherever_the_servers_cursor_is_by_then(world):
    """Any other handler's reply moves it; before, the letter began there and showed nothing."""
    handler = Breakable()
    handler.is_broken = False
    agent = await world.agent("a", handler.plugin, max_attempts=1)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "1")
    refuse_to_be_read(world, chat_id, 1, "/messages.*")
    await agent.hear(chat_id, 1)
    (letter,) = await agent.journal.dead_letters("a")
    await agent.sdk.messages.read(chat_id)

    await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()
    assert handler.shown == [["1"]]


async def buried(agent, handler, chat_id, seq):
    """What the handler fails for now, as a letter; afterwards it is mended."""
    handler.is_broken = True
    await agent.hear(chat_id, seq)
    handler.is_broken = False
    handler.shown.clear()
    (letter,) = await agent.journal.dead_letters("a")
    return letter.dead_letter_id


async def test_a_letter_that_is_given_up_again_covers_what_it_did_whatever_was_said_since(world):
    handler = Breakable(error=Reject)
    agent = await world.agent("a", handler.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "1")
    letter_id = await buried(agent, handler, chat_id, 1)
    (letter,) = await agent.journal.dead_letters("a")
    await world.say(chat_id, "2")
    await agent.hear(chat_id)

    handler.is_broken = True
    await agent.journal.revive(agent.me, letter_id)
    await agent.deliver()
    (again,) = await agent.journal.dead_letters("a")
    assert (again.after_seq, again.through_seq) == (letter.after_seq, letter.through_seq)
    assert again.message_ids == letter.message_ids
    handler.is_broken = False
    handler.shown.clear()
    await agent.journal.revive(agent.me, again.dead_letter_id)
    await agent.deliver()

    assert handler.shown == [["1"]]


async def test_a_letter_is_not_answered_before_its_handler_was_shown_what_was_said_since(world):
    """Nobody had announced it: the reply would have passed, and marked it as read."""
    handler = Breakable(error=Reject)
    agent = await world.agent("a", handler.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "transfer the money")
    letter_id = await buried(agent, handler, chat_id, 1)
    await world.say(chat_id, "stop")
    await agent.journal.revive(agent.me, letter_id)
    await agent.deliver()
    agent.clock.ahead += 60
    await agent.deliver()

    assert handler.shown == [["stop"], ["transfer the money"]]
    said = [message["content"] for message in await world.owner.messages.list(chat_id)]
    assert said == ["transfer the money", "stop", "re: stop", "re: transfer the money"]
    assert (await agent.journal.statistics("a")).due == 0


async def test_what_was_given_up_unread_is_shown_before_anything_is_said_again(world):
    """It was never shown: behind the cursor, the next reply would have passed over it."""
    handler, agent, chat_id = await heard_one(world, max_attempts=1)
    newest = (await world.say(chat_id, "stop"))["seq"]
    refuse_to_be_read(world, chat_id, 1)
    await agent.hear(chat_id, newest)
    await agent.hear(chat_id, (await world.say(chat_id, "go on"))["seq"])

    assert handler.shown == [["1"], ["stop", "go on"]]


async def test_a_chat_whose_reading_kills_the_process_is_given_up_until_there_is_more(world):
    """Nothing was shown, so that the letter has no end; due again at once it would kill for ever."""
    plugin, shown = listening()
    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "1")
    await agent.hear(chat_id, 1)
    await world.say(chat_id, "2")
    await agent.journal.hint("a", agent.hint(chat_id, 2))
    await agent.journal.claim("a", limit=1)
    await agent.journal.recover("a")
    for _ in range(DEATHS_LIMIT):
        assert await agent.journal.claim_suspect("a")
        await agent.journal.recover("a")

    await agent.parts.dispatcher._deliver(await agent.journal.claim_suspect("a"))

    (letter,) = await agent.journal.dead_letters("a")
    assert (letter.after_seq, letter.through_seq) == (1, None)
    assert (await agent.journal.statistics("a")).due == 0
    await world.say(chat_id, "3")
    await agent.hear(chat_id, 3)
    assert shown == ["1", "2", "3"]
