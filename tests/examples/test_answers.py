"""How a plugin's answers are tested."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from mycel_runtime import MessageContext, Plugin, SyncMessageContext
from mycel_runtime.errors import PluginError

if TYPE_CHECKING:
    from mycel_runtime.testing import Mycel, SyncMycel

echo = Plugin("echo")


@echo.on_message
async def answer(ctx: MessageContext) -> None:
    for message in ctx.messages:
        await ctx.reply(f"{message.sender.name} said: {message.content}")


async def test_each_message_is_answered_in_order(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(echo)

    for text in ("one", "two", "three"):
        await ada.says(text)

    for text in ("one", "two", "three"):
        await ada.hears(f"Ada said: {text}")
    await ada.hears_nothing()


async def test_two_people_are_answered_each_in_his_own_chat(mycel: Mycel):
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    await mycel.agent(echo)

    await ada.says("hello")
    await bob.says("goodbye")

    await ada.hears("Ada said: hello")
    await bob.hears("Bob said: goodbye")
    await ada.hears_nothing(re.compile("Bob"))


class Manners(BaseModel):
    greeting: str = "Hello"


polite = Plugin("polite", settings=Manners)


@polite.on_message
async def greet(ctx: MessageContext) -> None:
    await ctx.reply(f"{ctx.settings.greeting}, {ctx.messages[-1].sender.name}")


async def test_settings_are_those_of_the_table(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(polite, settings={"polite": {"greeting": "Good day"}})

    await ada.says("hello")

    await ada.hears("Good day, Ada")


async def test_wrong_settings_are_refused_as_at_a_start(mycel: Mycel):
    with pytest.raises(PluginError, match="greeting"):
        await mycel.agent(polite, settings={"polite": {"greting": "Good day"}})


commands = Plugin("commands")


@commands.on_message(chat="group", mention=True, pattern="^!")
async def obey(ctx: MessageContext) -> None:
    await ctx.reply("As you wish.")


async def test_in_a_group_it_answers_only_who_mentions_it(mycel: Mycel):
    ada, bob = await mycel.human("Ada"), await mycel.human("Bob")
    agent = await mycel.agent(commands)
    room = await mycel.group("The room", ada, bob, agent)

    await ada.says("!tea", to=room)
    await bob.hears("!tea")
    await bob.hears_nothing()
    await ada.says("!coffee", to=room, mentions=[agent])

    await bob.hears("As you wish.", where=room)


peers = Plugin("peers")


@peers.on_message(sender="agent")
async def nod(ctx: MessageContext) -> None:
    await ctx.reply("Noted.")


async def test_it_answers_agents_and_leaves_people_alone(mycel: Mycel):
    ada, bot = await mycel.human("Ada"), await mycel.peer("Bot")
    await mycel.agent(peers)

    await ada.says("hello")
    await bot.says("report: all is well")

    await bot.hears("Noted.")
    await ada.hears_nothing()


archivist = Plugin("archivist")


@archivist.on_message
def count(ctx: SyncMessageContext) -> None:
    ctx.reply(f"{len(ctx.history(limit=20))} messages so far")


def test_plain_functions_can_be_tested_by_plain_functions(sync_mycel: SyncMycel):
    ada = sync_mycel.human("Ada")
    sync_mycel.agent(archivist)

    ada.says("hello")
    assert ada.hears(re.compile(r"\d+ messages")).content == "1 messages so far"
    ada.says("again")

    ada.hears(lambda message: message.content.startswith("3 "))


async def test_two_plugins_of_one_agent_both_answer(mycel: Mycel):
    ada = await mycel.human("Ada")
    await mycel.agent(polite, archivist)

    await ada.says("hello")

    await ada.hears("Hello, Ada")
    await ada.hears(re.compile("messages so far"), where=await mycel.chat_of(ada, None))


doorbell = Plugin("doorbell")
rung: list[str] = []


@doorbell.on_frame("relationship.*")
async def ring(ctx) -> None:
    rung.append(ctx.event_type)


async def test_a_request_for_a_relationship_rings(mycel: Mycel):
    rung.clear()
    ada = await mycel.human("Ada")
    agent = await mycel.agent(doorbell)

    await ada.requests(agent, "I would like to work with you")
    await mycel.settles()

    assert rung == ["relationship.requested"]
    assert await ada.relationship_with(agent) == "pending"
