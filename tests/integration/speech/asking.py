"""A plugin that asks, what people say to it, and what is left of its questions."""

from __future__ import annotations

from mycel_runtime import AnswerContext, Plugin, Retry
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.dead_letter import Letter
from tests.integration.speech.speaking import direct

MINUTE = 60.0


class Asker:
    """A plugin that asks when it is told to, and what its handlers were shown."""

    def __init__(self, **asks):
        self.asks = {"name": "q", "timeout": 10 * MINUTE} | asks
        self.answers, self.shown, self.others = [], [], []
        self.fails = []
        self.plugin = Plugin("p")
        self.chat = None
        self._declare()

    def _declare(self):
        @self.plugin.on_message(pattern="^ask")
        async def ask(ctx):
            for number, text in enumerate(ctx.messages[-1].content.split()[1:] or ["well?"]):
                await ctx.ask(self.chat or ctx.chat_id, text, data={"number": number}, **self.asks)
            if "ask" in self.fails:
                self.fails.remove("ask")
                raise Retry(after=0)

        @self.plugin.on_message
        async def one(ctx):
            self.shown += [message.content for message in ctx.messages]

        @self.plugin.on_message
        def two(ctx):
            self.others += [message.content for message in ctx.messages]

        self.declare_answer(self.plugin)

    def declare_answer(self, plugin, function="answered"):
        async def answered(ctx):
            assert isinstance(ctx, AnswerContext)
            assert await ctx.newer() == []
            words = [message.content for message in ctx.messages]
            self.answers.append((ctx.data["number"], ctx.question.outcome, words))
            if "answer" in self.fails:
                raise LookupError
            await ctx.reply(f"answer {ctx.data['number']}: {' '.join(words) or ctx.question.outcome}")

        answered.__name__ = function
        plugin.on_answer("q")(answered)


async def ask(world, agent, here, text="ask"):
    await world.say(here, text)
    await agent.hear(here)


async def answer(world, agent, here, text):
    await world.say(here, text)
    await agent.hear(here)


async def say_as(user, chat_id, text):
    await user.messages.send(chat_id, text, delivery_scope=None, enforce_caught_up=False)


async def bury_words(agent, here):
    """The question becomes a dead letter."""
    (delivery,) = await agent.journal.claim("agent", limit=1)
    await agent.journal.bury(delivery, Letter(reason="refused"), STAY)
    (letter,) = await agent.journal.dead_letters("agent")
    return letter.dead_letter_id


async def asked_but_not_said(world, asker):
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await world.say(here, "ask")
    await agent.take(*agent.hint(here))
    for _ in range(3):
        await agent.deliver_next()
    return agent, here


async def states(agent):
    """Of all questions, oldest first."""
    query = "SELECT state, data FROM question ORDER BY entry_id"
    rows = await agent.journal._writer.submit(lambda connection: connection.execute(query).fetchall())
    return [(row["state"], row["data"] is None) for row in rows]


async def nothing_is_left(agent):
    """No timer, no work, no words."""
    assert await agent.journal.timers("agent") == []
    assert await agent.journal.dead_letters("agent") == []
    statistics = await agent.journal.statistics("agent")
    assert (statistics.due, statistics.running, statistics.intents_unsettled) == (0, 0, 0)
    query = "SELECT count(*) FROM utterance WHERE content IS NOT NULL"
    assert await agent.journal._writer.submit(lambda one: one.execute(query).fetchone()[0]) == 0
