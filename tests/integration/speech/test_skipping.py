"""An old backlog is skipped as one dead letter: what is new is answered, and what is old when somebody asks."""

from __future__ import annotations

import time

from mycel_runtime.daemon.admin import Admin
from mycel_runtime.plugin.plugin import Plugin


class Echo:
    """A handler that answers, and what it was shown."""

    def __init__(self):
        self.plugin, self.shown = Plugin("p"), []

        @self.plugin.on_message
        async def answer(ctx):
            texts = [message.content for message in ctx.messages]
            self.shown.append(texts)
            await ctx.reply(f"re: {', '.join(texts)}")


async def skip_old(agent, before, **more):
    """As the command does it, page by page."""
    admin = Admin(agent.journal, agent.parts)
    pages, after, skip_id = [], 0, None
    while after is not None:
        page = await admin.skip_old(before=before, after=after, skip_id=skip_id, **more)
        pages.append(page)
        after, skip_id = page["next_after"], page["skip_id"]
    return [row for page in pages for row in page["skipped"]], skip_id


async def said_to(world, chat_id):
    return [message["content"] for message in await world.owner.messages.list(chat_id)]


async def test_what_is_older_is_skipped_as_one_letter_that_can_be_answered_later(world):
    handler = Echo()
    agent = await world.agent("a", handler.plugin)
    chats = [(await world.owner.chats.create(["a"], kind="group", title=f"{n}"))["id"] for n in range(3)]
    for chat_id in chats:
        await world.say(chat_id, "old one")
        await world.say(chat_id, "old two")
        await agent.take(*agent.hint(chat_id))
    before = time.time()
    await world.say(chats[0], "new")
    await agent.take(*agent.hint(chats[0]))

    tried, nothing = await skip_old(agent, before, is_trial=True)
    skipped, number = await skip_old(agent, before)
    assert (tried, nothing) == (skipped, None)
    assert [(row["chat_id"], row["messages"]) for row in skipped] == [(chat_id, 2) for chat_id in chats]
    assert {letter.skip_id for letter in await agent.journal.dead_letters("a")} == {number}
    (fact,) = agent.memory.named("work.skipped")
    assert (fact.chats, fact.messages) == (3, 6)

    await agent.deliver()
    assert handler.shown == [["new"]]
    assert await Admin(agent.journal, agent.parts).retry(number)
    await agent.deliver()
    assert sorted(handler.shown[1:]) == [["old one", "old two"]] * 3
    assert not await agent.journal.dead_letters("a")
    for chat_id in chats:
        assert (await said_to(world, chat_id)).count("re: old one, old two") == 1
    assert (await said_to(world, chats[0])).count("re: new") == 1


async def test_nothing_is_skipped_where_nothing_is_old_or_another_chat_is_meant(world):
    handler = Echo()
    agent = await world.agent("a", handler.plugin)
    before = time.time()
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "new")
    await agent.take(*agent.hint(chat_id))

    assert await skip_old(agent, before) == ([], None)
    assert await skip_old(agent, time.time() + 1, chat_id="another") == ([], None)
    await agent.deliver()
    assert handler.shown == [["new"]]


async def test_a_chat_that_is_at_work_while_others_are_skipped_is_answered(world):
    """It was claimed between the reading and the skip, and is nobody else's."""
    handler = Echo()
    agent = await world.agent("a", handler.plugin)
    chat_id = (await world.owner.chats.ensure_direct("a"))["id"]
    await world.say(chat_id, "old")
    await agent.take(*agent.hint(chat_id))
    backlog = agent.parts.dispatcher.backlog
    read = backlog.read

    async def read_and_be_late(waiting, *, before):
        span = await read(waiting, before=before)
        await agent.deliver()
        return span

    object.__setattr__(backlog, "read", read_and_be_late)
    admin = Admin(agent.journal, agent.parts)
    page = await admin.skip_old(before=time.time() + 1)

    assert (page["skipped"], [row["why"] for row in page["left"]]) == ([], ["it is at work"])
    assert handler.shown == [["old"]]
    assert (await said_to(world, chat_id))[-1] == "re: old"
