"""How a plugin's decisions, memory, timers and schedules are tested: days pass at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mycel_runtime import MessageContext, Plugin, RelationshipContext, TimerContext
from mycel_runtime.testing import BareChat, BareTimer

if TYPE_CHECKING:
    from mycel_runtime.testing import Mycel

gatekeeper = Plugin("gatekeeper")


@gatekeeper.on_relationship
async def decide(ctx: RelationshipContext) -> None:
    if ctx.is_open:
        await ctx.approve()


async def test_a_request_for_a_relationship_is_granted(mycel: Mycel):
    ada = await mycel.human("Ada")
    agent = await mycel.agent(gatekeeper)

    await ada.requests(agent, "I would like to work with you")
    await mycel.settles()

    assert await ada.relationship_with(agent) == "visit"


reminder = Plugin("reminder")
rung: list[str] = []


@reminder.on_message(pattern="^remind")
async def plan(ctx: MessageContext) -> None:
    ctx.store["reminders"] = ctx.store.get("reminders", 0) + 1
    ctx.timers.set("due", after=7200, data=ctx.messages[-1].content, key=ctx.messages[-1].id)
    await ctx.reply(f"Reminder {ctx.store['reminders']} is set")


@reminder.on_timer("due")
async def ring(ctx: TimerContext) -> None:
    rung.append(ctx.data)


async def test_a_timer_rings_at_its_time_over_a_restart(mycel: Mycel):
    rung.clear()
    ada = await mycel.human("Ada")
    agent = await mycel.agent(reminder)
    await ada.says("remind me of the tea")
    await ada.hears("Reminder 1 is set")

    await mycel.passes(minutes=119)
    assert rung == []
    await agent.restart()
    await mycel.passes(minutes=2)

    assert rung == ["remind me of the tea"]
    await ada.says("remind me again")
    await ada.hears(re.compile("^Reminder 2"))


morning = Plugin("morning")
mornings: list[int] = []


@morning.cron("0 9 * * *", timezone="UTC")
async def wake(ctx: TimerContext) -> None:
    mornings.append(ctx.due_at.hour)


async def test_a_schedule_comes_once_a_day(mycel: Mycel):
    mornings.clear()
    await mycel.agent(morning)

    await mycel.passes(days=3)

    assert mornings == [9, 9, 9]


async def test_a_handler_alone_needs_no_server():
    chat = BareChat("remind me", store={"reminders": 6}, timers=["due"])

    await plan(chat.ctx)

    assert chat.replies == ["Reminder 7 is set"]
    assert [timer.name for timer in chat.planned] == ["due"]


herald = Plugin("herald")


@herald.on_message(chat="direct", pattern="^announce ")
async def announce(ctx: MessageContext) -> None:
    for chat_id in ctx.store.get("groups", []):
        await ctx.say(chat_id, ctx.messages[-1].content.removeprefix("announce "))
    await ctx.reply("announced")


@herald.on_message(chat="group", pattern="^here$")
async def enlist(ctx: MessageContext) -> None:
    ctx.store["groups"] = [*ctx.store.get("groups", []), ctx.chat_id]
    await ctx.reply("noted")


async def test_what_is_said_first_is_heard_in_its_chat(mycel: Mycel):
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    agent = await mycel.agent(herald)
    square = await mycel.group("Square", bob, agent)
    await bob.says("here", to=square)
    await bob.hears("noted", where=square)
    agent.die_at("after send", nth=2)

    await ada.says("announce dinner at eight")

    await ada.hears("announced")
    await bob.hears("dinner at eight", where=square)
    await bob.hears_nothing()


async def test_a_handler_that_speaks_elsewhere_needs_no_server():
    chat = BareChat("announce dinner", store={"groups": ["square"]})

    await announce(chat.ctx)

    assert (chat.replies, chat.elsewhere) == (["announced"], [("square", "dinner")])


digest = Plugin("digest")
evenings: list[list[str]] = []


@digest.cron("0 18 * * *", timezone="UTC")
async def sum_up(ctx: TimerContext) -> None:
    for chat in await ctx.sdk.chats.list():
        lines = []
        while page := await ctx.read(chat["id"]):
            lines += [message.content for message in page if not message.mentions_me]
        ctx.store["lines"] = ctx.store.get("lines", 0) + len(lines)
        evenings.append(lines)


@digest.on_message(chat="group", mention=True)
async def answer(ctx: MessageContext) -> None:
    await ctx.reply("At six.")


async def test_what_nobody_has_told_the_agent_is_read_by_its_schedule(mycel: Mycel):
    evenings.clear()
    bob = await mycel.human("Bob")
    agent = await mycel.agent(digest)
    square = await mycel.group("Square", bob, agent)
    await bob.says("the door is open", to=square)
    await bob.says("when?", to=square, mentions=[agent])
    await bob.hears("At six.", where=square)
    await bob.says("and the light is on", to=square)

    await mycel.passes(days=1)

    assert evenings == [["the door is open", "and the light is on"]]


async def test_a_schedule_that_reads_needs_no_server_but_a_client_of_somebody(mycel: Mycel):
    bob = await mycel.human("Bob")
    square = await mycel.group("Square", bob, await mycel.human("Ada"))
    run = BareTimer("sum_up", unread={square.id: ["one", "two"]}, sdk=bob.sdk)

    await sum_up(run.ctx)

    assert run.ctx.store["lines"] == 2
