"""Handlers as the functions that they are."""

from __future__ import annotations

import pytest

from mycel_runtime import messages_for_llm
from mycel_runtime.errors import ArgumentError
from mycel_runtime.testing import BareChat, frame_context, said


async def test_what_is_shown_stands_in_its_places():
    chat = BareChat("three", said("four", sender="Bob"), past=["one", "two"])

    assert [(m.seq, m.sender.name, m.content) for m in chat.ctx.messages] == [
        (3, "Ada", "three"),
        (4, "Bob", "four"),
    ]
    assert [message.content for message in await chat.ctx.history(3)] == ["two", "three", "four"]


async def test_replies_are_kept_and_stand_in_the_history():
    chat = BareChat("hello")

    sent = await chat.ctx.reply("hi", mentions=["ada"])

    assert (sent.seq, chat.replies, chat.mentions) == (2, ["hi"], [("ada",)])
    assert [each["role"] for each in messages_for_llm(await chat.ctx.history(), me=chat.ctx.me)] == [
        "user",
        "assistant",
    ]


def test_plain_calls_are_plain():
    chat = BareChat("hello", newer=["wait"])
    ctx = chat.sync_ctx

    ctx.reply("hi")

    assert [message.content for message in ctx.newer()] == ["wait"]
    assert ctx.newer() == []
    assert [member["type"] for member in ctx.members()] == ["human", "external"]
    assert (len(ctx.history()), chat.replies) == (3, ["hi"])


def test_what_no_server_could_store_is_refused_as_ever():
    chat = BareChat("hello")
    with pytest.raises(ArgumentError, match="blank"):
        chat.sync_ctx.reply(" ")
    with pytest.raises(ArgumentError, match="limit"):
        chat.sync_ctx.history(0)
    assert chat.replies == []


async def test_what_is_said_elsewhere_is_kept_apart():
    chat = BareChat("hello")

    await chat.ctx.say(await chat.ctx.chats.direct("bob"), "psst")
    chat.sync_ctx.say("other", "hm")
    await chat.ctx.say(chat.ctx.chat_id, "hi")

    assert (chat.replies, chat.elsewhere) == (["hi"], [("direct-bob", "psst"), ("other", "hm")])
    with pytest.raises(ArgumentError, match="on_conflict"):
        await chat.ctx.say("other", "hm", on_conflict="rerun")


async def test_what_is_read_of_other_chats_is_given_page_by_page_and_of_its_own_what_is_newer():
    chat = BareChat("hello", newer=["wait"], unread={"other": ["one", said("two", sender="Bob"), "three"]})

    assert [message.content for message in await chat.ctx.read("other", 2)] == ["one", "two"]
    (last,) = chat.sync_ctx.read("other")
    assert (last.content, last.seq, last.chat_id) == ("three", 3, "other")
    assert (await chat.ctx.read("other"), await chat.ctx.read("elsewhere")) == ([], [])
    assert [message.content for message in await chat.ctx.read(chat.ctx.chat_id)] == ["wait"]


async def test_without_a_client_its_calls_are_refused_with_what_to_do():
    with pytest.raises(ArgumentError, match="sdk=ada"):
        await BareChat("hello").ctx.sdk.chats.list()


def test_words_that_came_too_late_can_be_withdrawn():
    chat = BareChat("hello", unsaid=["hi"], attempt=2)
    assert (chat.ctx.unsaid, chat.ctx.attempt) == (("hi",), 2)
    chat.ctx.withdraw()
    assert chat.is_withdrawn


def test_frame_has_its_metadata():
    ctx = frame_context("relationship.requested", other_user_id="ada")
    assert (ctx.event_type, ctx.metadata["other_user_id"]) == ("relationship.requested", "ada")


async def test_what_the_plugin_remembers_and_plans_can_be_given_and_seen():
    chat = BareChat("hello", store={"visits": 2}, chat_store={"name": "Ada"}, timers=["tea"])
    ctx = chat.ctx

    ctx.store["visits"] += 1
    ctx.timers.set("tea", after=60)

    assert (ctx.store["visits"], ctx.chat_store["name"]) == (3, "Ada")
    (timer,) = chat.planned
    assert timer.name == "tea"
    with pytest.raises(ArgumentError):
        ctx.timers.set("coffee", after=60)


async def test_past_is_read_page_by_page():
    chat = BareChat("three", past=["one", "two"])
    (newest,) = await chat.ctx.history(1)
    assert [message.content for message in await chat.ctx.history(5, before=newest.seq)] == ["one", "two"]
