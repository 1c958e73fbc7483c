"""Who asks hears the answer, once, and nobody else does: in time, late, after somebody else, or never."""

from __future__ import annotations

import json

import pytest

from mycel_runtime import AnswerContext, Plugin, Retry
from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.cursor import STAY as _STAY
from mycel_runtime.journal.dead_letter import Letter
from tests.integration.speech.speaking import direct, group, said, written_agent

pytestmark = pytest.mark.slow

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


async def test_the_next_message_is_the_answer_and_no_other_handler_is_shown_it(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await answer(world, agent, here, "five")
    await answer(world, agent, here, "six")

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == asker.others == ["ask", "six"]
    assert await said(world, here) == ["well?", "answer 0: five"]
    assert await states(agent) == [("answered", True)]
    await nothing_is_left(agent)


async def test_the_question_tells_where_its_words_stand(world):
    told = []
    plugin = Plugin("p")

    @plugin.on_message
    async def go(ctx):
        await ctx.ask(ctx.chat_id, "well?", name="q")

    @plugin.on_answer("q")
    def answered(ctx):
        told.append((ctx.name, ctx.data, ctx.timed_out, ctx.question))

    agent, here = await world.agent("agent", plugin), await direct(world)
    await ask(world, agent, here)
    await answer(world, agent, here, "five")

    history = await world.owner.messages.list(here)
    ((name, data, timed_out, question),) = told
    assert (name, data, timed_out) == ("q", None, False)
    assert (question.message_id, question.seq) == (history[1]["id"], history[1]["seq"])
    assert (question.user_id, question.chat_id) == (history[0]["sender_id"], here)


async def test_in_a_group_whoever_was_asked_answers(world):
    """By default who spoke last; what others say meanwhile is shown to the others."""
    eve = await world.user("eve")
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await group(world, "agent", "eve")
    await ask(world, agent, here)
    await say_as(eve, here, "I know it")
    await agent.hear(here)
    assert asker.answers == []
    await answer(world, agent, here, "five")

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == asker.others == ["ask", "I know it"]


async def test_somebody_else_can_be_asked_by_name(world):
    eve = await world.user("eve")
    asker = Asker(user_id="eve")
    agent, here = await world.agent("agent", asker.plugin), await group(world, "agent", "eve")
    await ask(world, agent, here)
    await answer(world, agent, here, "I know it")
    await say_as(eve, here, "five")
    await agent.hear(here)

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == ["ask", "I know it"]


async def test_in_another_group_it_must_be_said_who_is_asked_and_nothing_is_made(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin, max_attempts=1), await direct(world)
    asker.chat = await group(world, "agent")
    await ask(world, agent, here)

    (letter,) = await agent.journal.dead_letters("agent")
    assert letter.reason == "ArgumentError: in a group a question needs to know who is asked"
    assert await states(agent) == []


async def test_without_an_answer_the_handler_is_told_in_time_and_a_later_message_is_nobodys_answer(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    agent.clock.ahead += 9 * MINUTE
    await agent.deliver()
    assert asker.answers == []
    agent.clock.ahead += 2 * MINUTE
    await agent.deliver()
    await answer(world, agent, here, "five")

    assert asker.answers == [(0, "timed_out", [])]
    assert asker.shown == ["ask", "five"]
    assert await said(world, here) == ["well?", "answer 0: timed_out"]
    await nothing_is_left(agent)


async def test_what_stands_when_the_time_is_over_is_the_answer(world):
    """Both at one moment: nobody has heard of the answer yet when the time is over."""
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await world.say(here, "five")
    agent.clock.ahead += 11 * MINUTE
    await agent.deliver()
    await agent.hear(here)

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == ["ask"]
    await nothing_is_left(agent)


async def test_several_are_answered_in_the_order_in_which_they_stand_one_by_each_message(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here, "ask when? where? why?")
    await world.say(here, "now")
    await world.say(here, "here")
    await agent.hear(here)
    await answer(world, agent, here, "because")
    await answer(world, agent, here, "thanks")

    assert asker.answers == [
        (0, "answered", ["now"]),
        (1, "answered", ["here"]),
        (2, "answered", ["because"]),
    ]
    assert asker.shown == ["ask when? where? why?", "thanks"]
    await nothing_is_left(agent)


async def test_an_answer_that_came_while_nobody_ran_is_found_at_the_start(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await agent.journal.close()
    await world.say(here, "five")
    heir = await world.agent("agent", asker.plugin)
    await heir.deliver()
    await heir.hear(here)

    assert asker.answers == [(0, "answered", ["five"])]
    assert asker.shown == asker.others == ["ask"]


async def test_one_message_answers_one_question_also_over_a_restart(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here, "ask when? where?")
    for text in ("now", "here"):
        await answer(world, agent, here, text)
        await agent.journal.close()
        agent = await world.agent("agent", asker.plugin)
        await agent.deliver()

    assert asker.answers == [(0, "answered", ["now"]), (1, "answered", ["here"])]


async def test_an_agent_without_handlers_of_messages_hears_the_answer(world):
    asker = Asker()
    plugin, only = Plugin("p"), []

    @plugin.every(minutes=1)
    async def daily(ctx):
        if not only:
            only.append(await ctx.chats.direct(owner))
            await ctx.ask(only[0], "well?", name="q", data={"number": 0}, timeout=3600)

    asker.declare_answer(plugin)
    agent = await world.agent("agent", plugin)
    members = (await world.owner.chats.get(await direct(world)))["members"]
    (owner,) = [member["id"] for member in members if member["id"] != "agent"]
    await agent.deliver()
    agent.clock.ahead += MINUTE + 1
    await agent.deliver()
    await world.say(only[0], "five")
    await agent.parts.intake.hint([(only[0], None)])
    await agent.parts.dispatcher._attempts.questions.look_for_news()
    await agent.deliver()

    assert asker.answers == [(0, "answered", ["five"])]


async def test_a_run_that_is_repeated_asks_once(world):
    asker = Asker()
    asker.fails = ["ask"]
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await agent.deliver()
    await answer(world, agent, here, "five")

    assert await said(world, here) == ["well?", "answer 0: five"]
    assert len(await states(agent)) == 1


async def test_a_handler_that_fails_is_shown_the_same_answer_again(world):
    asker = Asker()
    asker.fails = ["answer"]
    agent, here = await world.agent("agent", asker.plugin, max_attempts=2), await direct(world)
    await ask(world, agent, here)
    await answer(world, agent, here, "five")
    agent.clock.ahead += MINUTE
    await agent.deliver()
    (letter,) = await agent.journal.dead_letters("agent")
    assert (letter.handler, letter.reason) == ("p.answered", "LookupError")
    asker.fails.clear()
    assert await agent.journal.revive(letter.dead_letter_id, now=agent.clock())
    await agent.deliver()

    assert asker.answers == [(0, "answered", ["five"])] * 3
    assert asker.shown == ["ask"]
    assert await said(world, here) == ["well?", "answer 0: five"]
    await nothing_is_left(agent)


async def test_who_asks_again_about_the_answer_is_answered_again(world):
    """A form: its handler's own words never stand in the way of its answers."""
    plugin, given = Plugin("p"), []

    @plugin.on_message(pattern="^go")
    async def go(ctx):
        await ctx.ask(ctx.chat_id, "how many?", name="n", timeout=MINUTE)

    @plugin.on_answer("n")
    async def number(ctx):
        given.append("" if ctx.timed_out else ctx.messages[-1].content)
        if not given[-1].isdigit() and len(given) < 4:
            await ctx.reply("no number")
            await ctx.ask(ctx.chat_id, "how many?", name="n", timeout=MINUTE)

    agent, here = await world.agent("agent", plugin), await direct(world)
    await ask(world, agent, here, "go")
    await answer(world, agent, here, "many")
    agent.clock.ahead += MINUTE + 1
    await agent.deliver()
    await answer(world, agent, here, "5")

    assert given == ["many", "", "5"]
    assert await said(world, here) == ["how many?", "no number", "how many?", "no number", "how many?"]
    await nothing_is_left(agent)


# Questions that are not said


async def test_one_that_is_dropped_is_told_at_once(world):
    asker = Asker(on_conflict="drop")
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    asker.chat = await group(world, "agent")
    asker.asks["user_id"] = "nobody"
    await world.say(asker.chat, "known")
    await agent.hear(asker.chat)
    await world.say(here, "ask")
    await agent.take(*agent.hint(here))
    while not await states(agent):
        await agent.deliver_next()
    await world.say(asker.chat, "meanwhile")
    await agent.deliver()

    assert asker.answers == [(0, "unsaid", [])]
    assert await states(agent) == [("unsaid", True)]
    assert await said(world, asker.chat) == ["answer 0: unsaid"]
    await agent.hear(asker.chat)
    assert asker.shown == ["known", "ask", "meanwhile"]
    await nothing_is_left(agent)


async def bury_words(agent, here):
    """The question becomes a dead letter."""
    (delivery,) = await agent.journal.claim("agent", limit=1, now=agent.clock())
    await agent.journal.bury(delivery, Letter(reason="refused"), _STAY, now=agent.clock())
    (letter,) = await agent.journal.dead_letters("agent")
    return letter.dead_letter_id


async def asked_but_not_said(world, asker):
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await world.say(here, "ask")
    await agent.take(*agent.hint(here))
    for _ in range(3):
        await agent.deliver_next()
    return agent, here


async def test_one_that_is_a_dead_letter_is_told_when_its_time_is_over_and_not_said_any_more(world):
    asker = Asker()
    agent, here = await asked_but_not_said(world, asker)
    letter_id = await bury_words(agent, here)
    await answer(world, agent, here, "no answer")
    agent.clock.ahead += 11 * MINUTE
    await agent.deliver()
    assert asker.answers == [(0, "unsaid", [])]
    assert await agent.journal.revive(letter_id, now=agent.clock())
    await agent.deliver()

    assert await said(world, here) == ["answer 0: unsaid"]
    assert asker.shown == ["ask", "no answer"]
    await nothing_is_left(agent)


async def test_one_that_is_tried_again_in_time_is_asked_and_answered(world):
    asker = Asker()
    agent, here = await asked_but_not_said(world, asker)
    assert await agent.journal.revive(await bury_words(agent, here), now=agent.clock())
    await agent.deliver()
    await answer(world, agent, here, "five")

    assert asker.answers == [(0, "answered", ["five"])]
    assert await said(world, here) == ["well?", "answer 0: five"]
    await nothing_is_left(agent)


async def test_one_whose_letter_is_dropped_is_told_at_once(world):
    asker = Asker()
    agent, here = await asked_but_not_said(world, asker)
    assert await agent.journal.drop(await bury_words(agent, here))
    await agent.deliver()

    assert asker.answers == [(0, "unsaid", [])]
    await nothing_is_left(agent)


# Other code


async def test_a_question_that_nobody_handles_any_more_swallows_nothing_and_is_told_once(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await agent.journal.close()
    plugin, shown = Plugin("p"), []

    @plugin.on_message
    async def one(ctx):
        shown.extend(message.content for message in ctx.messages)

    heir = await world.agent("agent", plugin)
    await answer(world, heir, here, "five")
    assert shown == ["five"]
    (fact,) = heir.memory.named("question.forgotten")
    assert (fact.plugin, fact.question, fact.questions) == ("p", "q", 1)
    assert await heir.journal.timers("agent") == []
    assert await states(heir) == [("forgotten", True)]
    await heir.journal.close()

    again = await world.agent("agent", asker.plugin)
    assert again.memory.named("question.forgotten") == []
    await again.deliver()
    assert asker.answers == []


async def test_it_goes_on_with_the_handler_of_its_name_whatever_that_is_called(world):
    asker, other = Asker(), Plugin("p")
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    await agent.journal.close()
    asker.declare_answer(other, "renamed")
    heir = await world.agent("agent", other)
    await world.say(here, "five")
    await heir.parts.intake.hint([(here, None)])
    await heir.deliver()

    assert asker.answers == [(0, "answered", ["five"])]


async def test_a_plugin_that_could_not_be_imported_is_waited_for(world):
    asker = Asker()
    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here)
    known = await agent.journal.adopt_questions("agent", handlers={}, kept=["p"], now=agent.clock())
    assert (known.chats, list(known.forgotten)) == ({here}, [])
    await answer(world, agent, here, "five")

    assert asker.answers == [(0, "answered", ["five"])]


PLUGIN = """
import json
from mycel_runtime import Plugin
plugin = Plugin("p")

@plugin.on_message(pattern="^async")
async def awaited(ctx):
    try:
        await ctx.ask(ctx.chat_id, "x", name="none")
    except Exception as exc:
        await ctx.reply(exc.problem)
    await ctx.ask(ctx.chat_id, "async?", name="async", data=[1, None], timeout=60)

@plugin.on_message(pattern="^plain")
def plain(ctx):
    try:
        ctx.ask(ctx.chat_id, "x", name="none")
    except Exception as exc:
        ctx.reply(exc.problem)
    ctx.ask(ctx.chat_id, "plain?", name="plain", data=[1, None], timeout=60)

def told(ctx):
    ctx.chat_store[ctx.name] = ctx.store[ctx.name] = [ctx.data, ctx.question.outcome, ctx.question.seq]
    return " ".join(message.content for message in ctx.messages) or "nobody"

@plugin.on_answer("async")
async def of_async(ctx):
    assert [each.content for each in await ctx.history()][-1] in ("async?", "five")
    await ctx.reply(told(ctx))

@plugin.on_answer("plain")
def of_plain(ctx):
    assert [each.content for each in ctx.history()][-1] in ("plain?", "five")
    ctx.reply(told(ctx))
"""


@pytest.mark.parametrize("is_isolated", [False, True], ids=["here", "isolated"])
async def test_every_handler_can_ask_and_hear_the_answer_wherever_it_runs(world, tmp_path, is_isolated):
    agent = await written_agent(world, tmp_path, PLUGIN, is_isolated=is_isolated)
    here = await direct(world)
    for colour in ("async", "plain"):
        await ask(world, agent, here, colour)
        await answer(world, agent, here, "five")
        await ask(world, agent, here, colour)
        agent.clock.ahead += MINUTE + 1
        await agent.deliver()

    nobody = "the plugin handles no answers of this name"
    assert await said(world, here) == [
        text
        for colour in ("async", "plain")
        for text in (nobody, f"{colour}?", "five", nobody, f"{colour}?", "nobody")
    ]
    items = await agent.journal.items("agent", "p", chat_id=None)
    assert [json.loads(items[name].value)[:2] for name in ("async", "plain")] == [
        [[1, None], "timed_out"]
    ] * 2
    await nothing_is_left(agent)


@pytest.mark.parametrize(
    "mistake",
    [
        {"name": 5},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": "5"},
        {"data": object()},
        {"user_id": 5},
    ],
)
async def test_what_cannot_be_asked_is_a_mistake_and_makes_nothing(world, mistake):
    asker, raised = Asker(), []

    @asker.plugin.on_message(pattern="^wrong")
    async def wrong(ctx):
        try:
            await ctx.ask(ctx.chat_id, "well?", **{"name": "q"} | mistake)
        except ArgumentError as exc:
            raised.append(exc)

    agent, here = await world.agent("agent", asker.plugin), await direct(world)
    await ask(world, agent, here, "wrong")

    assert len(raised) == 1
    assert await states(agent) == []
