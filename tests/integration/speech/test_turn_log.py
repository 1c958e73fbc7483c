"""What is logged of a run: all that it takes to show the same again, and nobody's words."""

from __future__ import annotations

import json

import pytest

from mycel_runtime import Plugin, Reject, Retry
from mycel_runtime.journal.sqlite.turn_log import SqliteTurnLog
from mycel_runtime.journal.turns import Decided, done_from, said_from, text_hash
from mycel_runtime.speech.caught_up import content_hash


def turns(agent, world):
    return list(SqliteTurnLog(world.folder / agent.me / "journal.sqlite3", agent.me).turns())


async def test_messages_replies_and_state_are_logged(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        ctx.chat_store["secret word"] = ctx.messages[-1].content
        ctx.timers.set("later", after=60, data="secret")
        await ctx.reply("first secret")
        await world.say(ctx.chat_id, "another secret")
        await ctx.newer()
        await ctx.reply("second", mentions=[])

    @plugin.on_timer("later")
    async def later(ctx): ...

    agent = await world.agent("agent", plugin)
    chat = (await world.owner.chats.ensure_direct("agent"))["id"]
    said = await world.say(chat, "a secret")
    await agent.hear(chat)

    (turn,) = turns(agent, world)
    shown = json.loads(turn.shown)
    assert (turn.handler, turn.chat_id, turn.kind, turn.attempt, turn.raised) == (
        "p.hear",
        chat,
        "message",
        1,
        "",
    )
    assert (shown["messages"], shown["base_seq"]) == ([[said["seq"], said["id"]]], said["seq"])
    assert [[seq for seq, _ in each] for each in shown["newer"]] == [[said["seq"] + 2]]
    assert said_from(turn.said) == (
        (content_hash("first secret"), len("first secret"), ""),
        (content_hash("second"), len("second"), ""),
    )
    done = done_from(turn.done)
    assert [(item.is_of_chat, item.key, item.length) for item in done.items] == [
        (True, text_hash("secret word"), len('"a secret"'))
    ]
    assert [(timer.name, timer.data) for timer in done.timers] == [("later", text_hash('"secret"'))]
    assert "secret" not in str([turn[:], shown])


async def test_a_run_that_was_asked_again_is_logged_as_it_was_the_last_time(world):
    plugin, runs = Plugin("p"), []

    @plugin.on_message
    async def hear(ctx):
        runs.append([message.content for message in ctx.messages])
        if len(runs) == 1:
            await world.say(ctx.chat_id, "two")
        await ctx.reply(" ".join(runs[-1]))

    agent = await world.agent("agent", plugin)
    chat = (await world.owner.chats.ensure_direct("agent"))["id"]
    await world.say(chat, "one")
    await agent.hear(chat)

    (turn,) = turns(agent, world)
    assert runs == [["one"], ["one", "two"]]
    assert len(json.loads(turn.shown)["messages"]) == 2
    assert said_from(turn.said) == ((content_hash("one two"), 7, ""),)


async def test_what_was_not_accepted_is_logged_as_such(world):
    plugin = Plugin("p")

    @plugin.on_message(on_conflict="drop")
    async def hear(ctx):
        await world.say(ctx.chat_id, "two")
        await ctx.reply("too late")

    agent = await world.agent("agent", plugin)
    chat = (await world.owner.chats.ensure_direct("agent"))["id"]
    await world.say(chat, "one")
    await agent.take(*agent.hint(chat))
    await agent.deliver_next()

    (turn,) = turns(agent, world)
    assert said_from(turn.said) == ((content_hash("too late"), 8, "DroppedError"),)


@pytest.mark.parametrize(
    ("raised", "told"), [(Reject("never"), "Reject: never"), (ValueError("x"), "ValueError")]
)
async def test_a_delivery_that_is_given_up_is_logged_once_with_its_reason(world, raised, told):
    plugin = Plugin("p")

    @plugin.on_message(max_attempts=2, on_give_up="I cannot")
    async def hear(ctx):
        ctx.store["k"] = 1
        raise raised

    agent = await world.agent("agent", plugin)
    chat = (await world.owner.chats.ensure_direct("agent"))["id"]
    await world.say(chat, "one")
    await agent.hear(chat)
    agent.clock.ahead += 60
    await agent.deliver()

    (turn,) = turns(agent, world)
    assert (turn.raised, turn.said, turn.done) == (told, "[]", "")


async def test_a_run_that_is_tried_again_is_not_logged_until_it_has_ended(world):
    plugin = Plugin("p")

    @plugin.on_message
    async def hear(ctx):
        await ctx.reply("once")
        if ctx.attempt == 1:
            raise Retry(after=30)

    agent = await world.agent("agent", plugin)
    chat = (await world.owner.chats.ensure_direct("agent"))["id"]
    said = await world.say(chat, "one")
    await agent.hear(chat)
    assert not turns(agent, world)
    agent.clock.ahead += 60
    await agent.deliver()

    (turn,) = turns(agent, world)
    shown = json.loads(turn.shown)
    assert (turn.attempt, shown["said"][0][0], shown["base_seq"]) == (2, said["seq"] + 1, said["seq"] + 1)


async def test_a_decision_is_logged_with_what_it_was_about_and_without_words(world):
    plugin = Plugin("p")

    @plugin.on_relationship
    async def decide(ctx):
        if ctx.is_open:
            await ctx.approve()

    agent = await world.agent("agent", plugin)
    await world.owner.relationships.request("agent", "a secret wish")
    await agent.parts.reconciler.run("test")
    await agent.deliver()

    (turn, *_) = turns(agent, world)
    subject = json.loads(turn.shown)["subject"]
    assert (subject["state"], "message" in subject) == ("pending", False)
    assert done_from(turn.done).decided == (Decided("approve", True),)
    assert "secret" not in f"{turn.shown}{turn.said}{turn.done}"
