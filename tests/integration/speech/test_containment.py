"""What goes wrong around a handler costs its own delivery, and no agent of the process."""

from __future__ import annotations

import asyncio
import time

import pytest

from mycel_runtime.errors import JournalError
from mycel_runtime.plugin.outcome import Reject
from mycel_runtime.plugin.plugin import Plugin
from mycel_runtime.plugin.subscription import MessageSubscription
from tests.integration.speech.test_quirks import listening

DEADLINE = 60.0


def without(field, ask, chat_id):
    """The messages of one chat lack what every message has."""

    async def spoiled(chat, **arguments):
        page = await ask(chat, **arguments)
        if chat != chat_id:
            return page
        return [{name: value for name, value in message.items() if name != field} for message in page]

    return spoiled


async def hint(agent, chat_id, seq):
    await agent.journal.hint(agent.me, agent.hint(chat_id, seq))
    agent.parts.dispatcher.wake()


@pytest.mark.parametrize("field", ["id", "seq", "sender_id"])
async def test_messages_that_nobody_can_make_sense_of_are_a_dead_letter_and_other_chats_go_on(world, field):
    plugin, shown = listening()
    agent = await world.agent("a", plugin, clock=time.time, max_attempts=2)
    await world.user("other")
    broken = (await world.owner.chats.create(["a", "other"], kind="group", title="g"))["id"]
    sound = (await world.owner.chats.ensure_direct("a"))["id"]
    newest = await world.say(broken, "x")
    await world.say(sound, "hello")
    unspoiled = agent.sdk.messages.list
    agent.sdk.messages.list = without(field, unspoiled, broken)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.parts.dispatcher.run())
        await hint(agent, broken, newest["seq"])
        while not await agent.journal.dead_letters("a"):  # noqa: ASYNC110 - the dispatcher tells nobody
            await asyncio.sleep(0.01)
        await hint(agent, sound, 1)
        while not shown:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        agent.parts.dispatcher.stop()

    (letter,) = await agent.journal.dead_letters("a")
    assert (letter.reason, letter.attempts) == ("KeyError outside the handler", 2)
    assert letter.trace
    agent.sdk.messages.list = unspoiled
    await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()
    assert shown == ["hello", "x"]


async def test_a_message_that_breaks_its_filter_is_a_dead_letter_and_hides_none_of_the_next(
    world, monkeypatch
):
    """Read, but not handed over; also if no hint had told its number."""
    plugin, shown = listening()
    agent = await world.agent("a", plugin, max_attempts=1)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    wants = MessageSubscription.wants

    def broken(subscription, message, chat_type):
        assert message.content != "x", "secret"
        return wants(subscription, message, chat_type)

    monkeypatch.setattr(MessageSubscription, "wants", broken)
    await world.say(chat_id, "x")
    await agent.hear(chat_id)
    await world.say(chat_id, "y")
    await agent.hear(chat_id)

    (letter,) = await agent.journal.dead_letters("a")
    assert (letter.reason, letter.through_seq) == ("AssertionError outside the handler", 1)
    assert "secret" not in f"{letter}"
    assert shown == ["y"]


async def test_a_handler_may_reject_with_half_a_surrogate_pair_that_somebody_has_said(world):
    """A server may send it, and the journal cannot store it as it is."""
    plugin = Plugin("p")

    @plugin.on_message
    async def refuse(_ctx):
        raise Reject("not here: \ud83d")

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    await agent.hear(chat_id)

    (letter,) = await agent.journal.dead_letters("a")
    assert letter.reason == "Reject: not here: \\ud83d"


@pytest.mark.parametrize(("seq", "letters"), [(10**15, 0), (2**70, 1)])
async def test_a_message_with_an_enormous_number_costs_its_own_delivery_at_most(world, seq, letters):
    """What can be a number is handled; what no journal can hold is not read."""
    plugin, shown = listening()
    agent = await world.agent("a", plugin, max_attempts=1)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")
    await agent.hear(chat_id, 1)
    ask = agent.sdk.messages.list

    async def enormous(chat, **arguments):
        page = await ask(chat, **arguments)
        return [message | {"seq": seq} if message["seq"] == 2 else message for message in page]

    agent.sdk.messages.list = enormous
    await world.say(chat_id, "y")
    await agent.hear(chat_id, 2)
    agent.clock.ahead += 7200
    await agent.deliver()

    assert shown == (["x"] if letters else ["x", "y"])
    assert len(await agent.journal.dead_letters("a")) == letters


async def test_a_journal_that_fails_is_no_deliverys_fault(world):
    """Nothing could be written down any more: the process ends, and the next one goes on."""
    plugin, shown = listening()
    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "x")

    async def anchor(*_, **__):
        raise JournalError("disk full")

    agent.journal.anchor = anchor
    with pytest.RaisesGroup(JournalError):
        await agent.hear(chat_id)

    assert shown == []
    assert await agent.journal.dead_letters("a") == []


@pytest.mark.parametrize("verb", ["finish", "park"])
async def test_an_end_that_cannot_be_written_down_costs_its_own_delivery(world, verb):
    """Not the daemon: an error that is not the journal's is about what was to be written."""
    plugin, shown = Plugin("p"), []

    @plugin.on_message
    async def listen(ctx):
        shown.extend(message.content for message in ctx.messages)
        if verb == "park":
            raise ValueError

    agent = await world.agent("a", plugin, max_attempts=1)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    write = getattr(agent.journal, verb)

    async def odd(*_, **__):
        setattr(agent.journal, verb, write)
        raise TypeError

    setattr(agent.journal, verb, odd)
    for number, text in enumerate("xy", start=1):
        await world.say(chat_id, text)
        await agent.hear(chat_id, number)

    assert shown == ["x", "y"]
    letters = await agent.journal.dead_letters("a")
    assert letters[0].reason.startswith("TypeError ")
    assert letters[0].trace


@pytest.mark.parametrize("most", [3, 1])
async def test_the_first_failure_tells_where_it_was_raised_though_it_is_the_last(world, most):
    """What an author has written wrongly is given up at once, and else nobody would be told the place."""
    plugin = Plugin("p")

    @plugin.on_message(max_attempts=most)
    async def spoil(ctx):
        if most > 1:
            ctx.store["key"] = object()
        raise ValueError

    agent = await world.agent("a", plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "hello")
    await agent.hear(chat_id, 1)

    assert not agent.memory.named("delivery.postponed")
    (fact,) = agent.memory.named("delivery.buried")
    assert "test_containment.py" in fact.trace
