"""After a month the journal has forgotten sends and frames: nothing is said twice, and no twin is seen."""

from __future__ import annotations

import pytest

from mycel_runtime import Retry
from mycel_runtime.inbox.sequence import Received
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.wire.codec import encode_notify, fingerprint
from mycel_runtime.wire.frames import Notify
from tests.integration.speech.test_unresolved_sends import answering, contents

MONTH = 30 * 86_400.0


@pytest.fixture
async def chat_id(world):
    await world.agent("a", answering(), folder="maker")
    return (await world.owner.chats.ensure_direct("a"))["id"]


async def forget(agent):
    """A month later."""
    agent.clock.ahead += MONTH

    async def pause(_seconds):
        pass

    agent.parts.sweeper.pause = pause
    return await agent.parts.sweeper.sweep()


async def test_a_handler_that_was_kept_from_its_turn_for_a_month_takes_nobody_for_a_twin(world, chat_id):
    """What another handler has said meanwhile is above its cursor, and the sends are forgotten."""
    plugin, is_ready = Plugin("p"), []

    @plugin.on_message
    async def steady(ctx):
        await ctx.reply(f"re: {ctx.messages[-1].content}")

    @plugin.on_message(max_attempts=100)
    async def stubborn(ctx):
        if not is_ready:
            raise Retry(after=3600.0)
        await ctx.reply(f"at last: {len(ctx.messages)}")

    agent = await world.agent("a", plugin)
    agent.parts.twin_watch.look([(chat_id, 0)])
    for number in (1, 2, 3):
        await world.say(chat_id, f"{number}")
        await agent.hear(chat_id)
    assert (await forget(agent)).sends == 3
    is_ready.append(True)
    await agent.deliver()

    assert agent.memory.named("twin.detected") == []
    assert await contents(world, chat_id, "a") == ["re: 1", "re: 2", "re: 3", "at last: 3"]
    await agent.sdk.messages.send(chat_id, "by hand", enforce_caught_up=False)
    await world.say(chat_id, "4")
    await agent.hear(chat_id)
    assert len(agent.memory.named("twin.detected")) == 1


def wake(seq, chat_id, message_seq, ts):
    metadata = {"event_type": "chat.message", "chat_id": chat_id, "message_seq": message_seq}
    frame = Notify(seq=seq, fingerprint=fingerprint(metadata), ts=ts, metadata=metadata)
    return Received(frame=frame, raw=encode_notify(frame))


async def test_old_wakes_that_a_restarted_server_hands_out_again_answer_nothing_twice(world, chat_id):
    """The numbers begin anew, and no frame of the epoch before is remembered."""
    agent = await world.agent("a", answering())
    heard = []
    for number in range(1, 6):
        message = await world.say(chat_id, f"{number}")
        heard.append((message["seq"], agent.clock()))
        await agent.parts.intake.take([wake(number + 300, chat_id, *heard[-1])])
        await agent.deliver()
    assert (await forget(agent)).sends == 5
    await agent.journal.close()

    agent = await world.agent("a", answering(), clock=agent.clock)
    step = await agent.parts.intake.take(
        [wake(number, chat_id, *old) for number, old in enumerate(heard, start=1)]
    )
    assert step.reconcile == "epoch"
    await agent.deliver()
    assert (await forget(agent)).entries > 0
    await agent.parts.intake.take([wake(number, chat_id, *old) for number, old in enumerate(heard, start=1)])
    await agent.deliver()

    assert await contents(world, chat_id, "a") == [f"re: {number}" for number in range(1, 6)]
    assert agent.memory.named("twin.detected") == []
    assert await agent.journal.dead_letters(agent.me) == []
