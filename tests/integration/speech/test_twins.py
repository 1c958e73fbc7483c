"""Somebody else speaks as this agent: another daemon, a script, or this one before its backup was restored."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from mycel_runtime.plugin.plugin import Plugin
from tests.integration.speech.test_unresolved_sends import answering, contents

WAIT_SECONDS = 60.0
REASON = "answered in this agent's name, and not by this journal"


@pytest.fixture
async def chat_id(world):
    await world.agent("a", answering(), folder="maker")
    return (await world.owner.chats.ensure_direct("a"))["id"]


async def look(agent):
    """What the reconciler does: tell what each chat's newest message is."""
    rows = await agent.sdk.chats.list()
    agent.parts.twin_watch.look(
        [(chat["id"], chat["last_message"] and chat["last_message"]["seq"]) for chat in rows]
    )


async def ask(world, agent, chat_id, *texts):
    for text in texts:
        await world.say(chat_id, text)
        await agent.hear(chat_id)


async def restored(world, chat_id, *, answered_since):
    """An agent on a copy of its journal that is older than so many answers."""
    agent = await world.agent("a", answering())
    await ask(world, agent, chat_id, "1")
    await agent.journal.close()
    shutil.copytree(world.folder / "a", world.folder / "backup")
    agent = await world.agent("a", answering())
    await ask(world, agent, chat_id, *map(str, range(2, 2 + answered_since)))
    await agent.journal.close()
    return await world.agent("a", answering(), folder="backup")


async def letters(agent):
    return [(letter.reason, len(letter.message_ids)) for letter in await agent.journal.dead_letters(agent.me)]


async def test_a_journal_older_than_its_chat_says_nothing_twice_and_answers_what_is_new(world, chat_id):
    agent = await restored(world, chat_id, answered_since=20)
    await look(agent)
    await ask(world, agent, chat_id, "new")

    assert await contents(world, chat_id, "a") == [*(f"re: {number}" for number in range(1, 22)), "re: new"]
    assert await letters(agent) == [(REASON, 20)]
    assert agent.memory.named("twin.detected") == []
    await look(agent)
    await look(agent)
    (outdated,) = agent.memory.named("journal.outdated")
    assert (outdated.chats, outdated.messages) == (1, 20)


async def test_dead_retry_answers_what_an_old_journal_left_alone(world, chat_id):
    agent = await restored(world, chat_id, answered_since=2)
    await ask(world, agent, chat_id, "new")
    (letter,) = await agent.journal.dead_letters(agent.me)

    await agent.journal.revive(agent.me, letter.dead_letter_id)
    await agent.deliver()

    said = await contents(world, chat_id, "a")
    assert said[:4] == ["re: 1", "re: 2", "re: 3", "re: new"]
    assert sorted(said[4:]) == ["re: 2", "re: 3"]
    assert await letters(agent) == []


async def test_what_a_program_answered_while_we_were_away_is_not_answered_again(world, chat_id):
    agent = await world.agent("a", answering())
    await ask(world, agent, chat_id, "1")
    await agent.journal.close()
    await world.say(chat_id, "2")
    await agent.sdk.messages.send(chat_id, "by hand", enforce_caught_up=False)
    await world.say(chat_id, "3")

    agent = await world.agent("a", answering())
    await look(agent)
    await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["re: 1", "by hand", "re: 3"]
    assert await letters(agent) == [(REASON, 1)]


async def test_what_concerns_nobody_here_makes_no_dead_letter(world, chat_id):
    """The handler listens to humans; what an agent said would not have been shown to it anyway."""
    other = await world.user("other")
    group = (await world.owner.chats.create(["a", "other"], kind="group", title="g"))["id"]
    agent = await world.agent("a", answering())
    await ask(world, agent, group, "1")
    await agent.journal.close()
    await other.messages.send(group, "beep", enforce_caught_up=False)
    await agent.sdk.messages.send(group, "by hand", enforce_caught_up=False)

    agent = await world.agent("a", answering())
    await look(agent)
    await ask(world, agent, group, "2")

    assert await contents(world, group, "a") == ["re: 1", "by hand", "re: 2"]
    assert await letters(agent) == []


def in_step(both):
    """A handler that answers its first message when the other one's does."""
    plugin = Plugin("p")
    waited = []

    @plugin.on_message
    async def answer(ctx):
        if not waited:
            waited.append(True)
            await both.wait()
        await ctx.reply(f"re: {ctx.messages[-1].content}")

    return plugin


async def test_two_daemons_of_one_identity_answer_twice_once_and_then_hold_their_tongue(world, chat_id):
    """From the first time nobody can keep them; then each finds the other's answer."""
    both = asyncio.Barrier(2)
    agents = [await world.agent("a", in_step(both), folder=name) for name in ("one", "two")]
    for agent in agents:
        await look(agent)
    await world.say(chat_id, "1")
    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        for agent in agents:
            tasks.create_task(agent.hear(chat_id))
    for text in ("2", "3"):
        await world.say(chat_id, text)
        for agent in agents:
            await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["re: 1", "re: 1"]
    for agent in agents:
        assert agent.parts.twin_watch.is_holding
        assert len(agent.memory.named("twin.detected")) == 1
        assert "somebody else speaks as this agent" in agent.parts.twin_watch.problem
        assert await letters(agent) == []
        assert (await agent.journal.statistics("a")).due == 1


async def test_of_two_daemons_the_one_that_comes_too_late_holds_its_tongue_and_the_other_goes_on(
    world, chat_id
):
    one = await world.agent("a", answering(), folder="one")
    two = await world.agent("a", answering(), folder="two")
    for agent in (one, two):
        await look(agent)
    for text in ("1", "2", "3"):
        await world.say(chat_id, text)
        for agent in (one, two):
            await agent.hear(chat_id)

    assert await contents(world, chat_id, "a") == ["re: 1", "re: 2", "re: 3"]
    assert [agent.parts.twin_watch.is_holding for agent in (one, two)] == [False, True]


@pytest.mark.parametrize("step", ["newer", "reply"])
async def test_a_twin_that_answers_before_newer_or_between_two_replies_is_found_at_once(world, chat_id, step):
    """What is shown, and what lies before a reply, is behind the cursor when the turn is over."""
    plugin = Plugin("p")

    @plugin.on_message
    async def answer(ctx):
        asked = ctx.messages[-1].content
        await agent.sdk.messages.send(chat_id, f"twin: {asked}", enforce_caught_up=False)
        await getattr(ctx, step)(*(["first"] if step == "reply" else []))
        await ctx.reply(f"re: {asked}")

    agent = await world.agent("a", plugin)
    await look(agent)
    await ask(world, agent, chat_id, "1", "2")

    assert await contents(world, chat_id, "a") == ["twin: 1", *(["first"] if step == "reply" else [])]
    assert agent.parts.twin_watch.is_holding
    assert await letters(agent) == []


async def test_resumed_it_leaves_alone_what_the_other_one_has_answered(world, chat_id):
    agent = await world.agent("a", answering())
    await look(agent)
    await ask(world, agent, chat_id, "1")
    await agent.sdk.messages.send(chat_id, "by hand", enforce_caught_up=False)
    await ask(world, agent, chat_id, "2")
    await agent.sdk.messages.send(chat_id, "by hand again", enforce_caught_up=False)
    await ask(world, agent, chat_id, "3")
    assert await contents(world, chat_id, "a") == ["re: 1", "by hand", "by hand again"]

    assert agent.parts.twin_watch.resume()
    assert not agent.parts.twin_watch.resume()
    agent.clock.ahead += 60
    await agent.deliver()

    assert await contents(world, chat_id, "a") == ["re: 1", "by hand", "by hand again", "re: 3"]
    assert await letters(agent) == [(REASON, 1)]
    assert agent.parts.twin_watch.problem == ""


async def test_with_a_warning_only_it_speaks_on_and_tells_each_sign_once(world, chat_id):
    agent = await world.agent("a", answering(), on_twin="warn")
    await look(agent)
    await ask(world, agent, chat_id, "1")
    for number in (2, 3):
        await agent.sdk.messages.send(chat_id, "by hand", enforce_caught_up=False)
        await ask(world, agent, chat_id, f"{number}")

    assert await contents(world, chat_id, "a") == ["re: 1", "by hand", "re: 2", "by hand", "re: 3"]
    assert [fact.is_held for fact in agent.memory.named("twin.detected")] == [False, False]
    assert agent.parts.twin_watch.problem
    agent.clock.ahead += 3600
    assert agent.parts.twin_watch.problem == ""


async def test_a_reply_that_a_dead_predecessor_stored_and_did_not_record_is_our_own(world, chat_id):
    agent = await world.agent("a", answering())
    await look(agent)
    agent.journal.record = lambda *_args, **_options: None
    await ask(world, agent, chat_id, "1")
    await agent.journal.close()

    agent = await world.agent("a", answering())
    await look(agent)
    await ask(world, agent, chat_id, "2")

    assert await contents(world, chat_id, "a") == ["re: 1", "re: 2"]
    assert await letters(agent) == []
    assert not agent.parts.twin_watch.is_holding


async def test_a_reply_that_was_given_up_as_lost_and_comes_late_is_our_own(world, chat_id):
    agent = await world.agent("a", answering())
    await look(agent)
    await world.say(chat_id, "1")
    world.backend.faults.drop_request(method="POST", path=r"/api/chats/[^/]+/messages")
    await agent.hear(chat_id)
    agent.clock.ahead += 60
    await agent.deliver()
    await agent.sdk.messages.send(chat_id, "re: 1", delivery_scope=None, enforce_caught_up=False)
    await ask(world, agent, chat_id, "2")

    assert await contents(world, chat_id, "a") == ["re: 1", "re: 1", "re: 2"]
    assert agent.memory.named("twin.detected") == []


async def test_a_request_to_join_in_our_own_name_is_nobodys_speech(world, chat_id):
    """The platform writes a notification in the name of whoever asks to join (Q42)."""
    group = (await world.owner.chats.create([], kind="group", title="g"))["id"]
    agent = await world.agent("a", answering())
    await look(agent)
    await agent.sdk.chats.request_join(group, message="let me in")
    (request,) = await world.owner.chats.list_join_requests(group)
    await world.owner.chats.approve_join(group, request["id"])
    await ask(world, agent, group, "1")

    assert (await contents(world, group, "a"))[-1] == "re: 1"
    assert not agent.parts.twin_watch.is_holding
